// Real interpreters: what a run gets from a zygote is what a fresh interpreter gives.
#include "engine/zygote.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <utility>

#include "os/sandbox.h"
#include "os/supervised_run.h"
#include "skills/python_command.h"
#include "support/manual_clock.h"
#include "support/processes.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::becomes_readable;
using testing::has_no_children;
using testing::open_descriptors;

constexpr const char* kPython = "/usr/bin/python3";

class ZygoteTest : public ::testing::Test {
 protected:
  ZygoteTest() : zygote_(kPython, settings(), clock_) {}

  static ZygoteSettings settings() { return {.preload = {"json", "re", "hashlib", "datetime"}}; }
  static RunLimits run_limits(std::chrono::milliseconds timeout = testing::kDeadline) {
    return {.timeout = timeout,
            .kill_grace = 100ms,
            .drain_grace = 250ms,
            .stdout_bytes_max = 100000,
            .stderr_bytes_max = 100000,
            .flood_bytes_max = 1000000,
            .result_bytes_max = 100000};
  }
  ChildSpec spec(std::string_view script, std::vector<std::string> arguments = {}) {
    folder_.write("script.py", script);
    return spec_of({(folder_ / "script.py").native()}, std::move(arguments));
  }
  ChildSpec spec_of(std::vector<std::string> command, std::vector<std::string> arguments = {}) {
    ChildSpec spec{.program = kPython,
                   .argv = {kPython},
                   .environment = {"PATH=/usr/bin:/bin", kZygoteLocale},
                   .working_folder = folder_.root()};
    for (auto* words : {&command, &arguments}) spec.argv.insert(spec.argv.end(), words->begin(), words->end());
    return spec;
  }
  RunOutcome run(const ChildSpec& what, std::string_view input = {}, RunLimits limits = run_limits()) {
    auto process = zygote_.launch(what);
    EXPECT_TRUE(process) << process.error();
    if (!process) return {};
    auto outcome = run_supervised(*std::move(process), input, limits, -1);
    EXPECT_TRUE(outcome) << outcome.error();
    return outcome ? *std::move(outcome) : RunOutcome();
  }
  static RunOutcome run_cold(const ChildSpec& what, std::string_view input = {}) {
    auto outcome = run_supervised(what, input, run_limits(), -1);
    EXPECT_TRUE(outcome) << outcome.error();
    return outcome ? *std::move(outcome) : RunOutcome();
  }
  void expect_same_as_cold(const ChildSpec& what, std::string_view input = {}) {
    const RunOutcome warm = run(what, input);
    const RunOutcome cold = run_cold(what, input);
    EXPECT_EQ(warm.out.bytes, cold.out.bytes);
    EXPECT_EQ(warm.err.bytes, cold.err.bytes);
    EXPECT_EQ(warm.exit.code, cold.exit.code);
    EXPECT_EQ(warm.exit.signal, cold.exit.signal);
  }

  testing::SkillTree folder_;
  testing::ManualClock clock_;
  Zygote zygote_;
};

TEST_F(ZygoteTest, AScriptSeesWhatAFreshInterpreterShowsIt) {
  expect_same_as_cold(spec(R"(
import os, sys, signal, resource, threading, locale
print(sys.argv, __name__, __file__, __package__, __spec__, __doc__, __cached__, type(__loader__).__name__)
print(sorted(k for k in globals() if k.startswith('__')))
print(sys.path, os.getcwd(), sorted(os.environ.items()))
print(sys.stdin.name, sys.stdin.encoding, sys.stdin.errors, sys.stdout.name, sys.stdout.errors, sys.stdout.mode)
print(sys.stderr.errors, sys.stderr.line_buffering, sys.stdout.line_buffering, sys.stdin.read())
print(sys.executable, sys.modules['__main__'].__dict__ is globals(), locale.getpreferredencoding())
print([signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD)])
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.umask(0), threading.active_count())
print(os.getpid() == os.getsid(0) == os.getpgid(0), sorted(os.listdir('/proc/self/fd'))[:5])
print(resource.getrlimit(resource.RLIMIT_DATA), resource.getrlimit(resource.RLIMIT_NOFILE))
import gc
print(gc.isenabled(), sys.dont_write_bytecode, sys.flags.optimize, len(sys.orig_argv) > 0)
)",
                           {"", "two words", "$HOME", "ünï"}),
                      "input\r\nünï");
}

TEST_F(ZygoteTest, ExitsAreThoseOfAFreshInterpreter) {
  for (const char* script :
       {"import sys; sys.exit(7)",
        "import sys; sys.exit('a reason')",
        "import sys; sys.exit(None)",
        "import sys; sys.exit(-1)",
        "import sys; sys.exit(True)",
        "import os; os._exit(9)",
        "1/0",
        "raise ValueError('ü')",
        "def f(:\n",
        "import os; os.kill(os.getpid(), 15)",
        "raise KeyboardInterrupt",
        "import os; os.abort()",
        "import sys\nsys.excepthook = lambda *a: print('hooked', a[0].__name__)\n1/0",
        "try:\n  1/0\nexcept Exception as e:\n  raise RuntimeError('two') from e",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.05), print('late'))).start()",
        "import atexit; atexit.register(print, 'at exit'); raise SystemExit(3)",
        "class A:\n  def __del__(self): print('gone')\na = A()",
        "import sys; sys.stdout.write('no newline')",
        "import sys; sys.stdout.close()",
        "import os; os.close(1); print('x')",
        "assert False, 'wrong'",
        "import not_there",
        "raise BaseException('base')"}) {
    SCOPED_TRACE(script);
    expect_same_as_cold(spec(script));
  }
}

TEST_F(ZygoteTest, FilesThatAScriptLeavesOpenAreWritten) {
  folder_.write("helper.py", "f = open('three.txt', 'w'); f.write('kept')\ndef use(): return f");
  run(spec(R"(
import gzip, helper
one = open('one.txt', 'w'); one.write('kept')
two = gzip.open('two.gz', 'wt'); two.write('kept')
cycle = [one]; cycle.append(cycle)
class Last:
    def __del__(self): print(use(), gzip.__name__)
def use(): return 'used'
last = Last()
def uses(): return one, two, last
)"));
  const RunOutcome outcome =
      run(spec("import gzip; print(*(open(n).read() for n in ('one.txt', 'three.txt')), gzip.open('two.gz').read())"));
  EXPECT_EQ(outcome.out.bytes, "kept kept b'kept'\n") << outcome.err.bytes;
}

TEST_F(ZygoteTest, ModulesAndCodeRunToo) {
  folder_.write("tool.py", "import sys; print(sys.argv, __name__, __file__, sys.path[:1]); 1/0");
  expect_same_as_cold(spec_of({"-m", "tool"}, {"a"}));
  expect_same_as_cold(spec_of({"-m", "not_there"}));
  expect_same_as_cold(spec_of({"-c", "import sys; print(sys.argv, sys.path[0]); 1/0"}, {"-x", "b"}));
  expect_same_as_cold(spec_of({"not_there.py"}));
  expect_same_as_cold(spec_of({"-B", "-u", "-E", "tool.py"}, {"-m"}));
}

TEST_F(ZygoteTest, ItsVariablesAreRead) {
  ChildSpec what = spec("import sys, os; print(sys.path[1], sys.dont_write_bytecode, sys.stdout.write_through)");
  what.environment.insert(what.environment.end(),
                          {"PYTHONPATH=/usr/share", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"});
  expect_same_as_cold(what);
  what.environment = {kZygoteLocale, "TZ=Asia/Tokyo"};
  what.argv.back() = (folder_ / "zone.py").native();
  folder_.write("zone.py", "import time; print(time.tzname, time.localtime(0).tm_hour)");
  expect_same_as_cold(what);
}

TEST_F(ZygoteTest, EventsAndResultHaveTheirDescriptors) {
  ChildSpec what = spec("import os; os.write(4, b'the result'); os.write(3, b'{}\\n')");
  what.events = what.result = true;
  EXPECT_EQ(run(what).result.bytes, "the result");
  what.events = false;
  EXPECT_EQ(run(what).exit.code, 1);  // 3 is closed.
}

TEST_F(ZygoteTest, AllItsRunsHaveOneParent) {
  const ChildSpec what = spec("import os; print(os.getppid())");
  const std::string first = run(what).out.bytes;
  EXPECT_EQ(first, std::to_string(zygote_.pid()) + "\n");
  EXPECT_EQ(run(what).out.bytes, first);
  EXPECT_EQ(zygote_.counters().starts, 1U);
  EXPECT_EQ(zygote_.counters().runs, 2U);
}

TEST_F(ZygoteTest, NothingOfARunIsSeenByTheNext) {
  const char* look = R"(
import os, sys, json, signal, threading, random, builtins, datetime, gc
print(dict(os.environ), os.getcwd(), sys.path, json.dumps([1]), os.umask(0o22), sys.getrecursionlimit())
print('leaked' in sys.modules, hasattr(builtins, 'leaked'), sorted(os.listdir('/proc/self/fd')), threading.active_count())
print(signal.getsignal(signal.SIGTERM), signal.pthread_sigmask(signal.SIG_BLOCK, ()), sys.gettrace(), sys.meta_path)
print(sys.argv, sorted(globals()), gc.isenabled(), sys.getswitchinterval(), os.nice(0))
)";
  folder_.write("look.py", look);
  const ChildSpec looks = spec_of({(folder_ / "look.py").native()});
  const std::string before = run(looks).out.bytes;
  ChildSpec change = spec(R"(
import os, sys, json, signal, threading, random, builtins, time, types, gc
os.environ['LEAKED'] = '1'; os.chdir('/'); sys.path.insert(0, '/leaked'); json.dumps = lambda *a: 'patched'
os.umask(0o777); sys.setrecursionlimit(99); sys.modules['leaked'] = types.ModuleType('leaked'); builtins.leaked = 1
keep = [open('/dev/null') for _ in range(20)]; threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
sys.settrace(lambda *a: None); sys.meta_path.clear(); gc.disable(); sys.setswitchinterval(1); os.nice(5)
)");
  change.environment.push_back("SECRET=of the first run");
  EXPECT_EQ(run(change).exit.code, 0);
  EXPECT_EQ(run(looks).out.bytes, before);
  EXPECT_EQ(zygote_.counters().starts, 1U);  // It really was the same one.
}

// The waiting interpreter never reads what a run is about, so a later run finds it nowhere in its memory.
TEST_F(ZygoteTest, SecretsOfARunAreNotInTheMemoryOfTheNext) {
  ChildSpec secret =
      spec("import os, sys; print(len(os.environ['TOKEN']), len(sys.argv[1]))", {"argument-KQZJX-secret"});
  secret.environment.push_back("TOKEN=value-KQZJX-secret");
  EXPECT_EQ(run(secret).out.bytes, "18 21\n");
  folder_.write("search.py", R"(
import re
needle = re.compile(b'KQ[Z]JX-s[e]cret')
found = 0
for line in open('/proc/self/maps').readlines():
    start, end, mode, path = re.match(r'(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)', line).groups()
    if 'w' not in mode: continue
    with open('/proc/self/mem', 'rb', 0) as memory:
        memory.seek(int(start, 16))
        found += len(needle.findall(memory.read(int(end, 16) - int(start, 16))))
print(found > 0)
)");
  ChildSpec search = spec_of({(folder_ / "search.py").native()});
  const RunOutcome outcome = run(search);
  EXPECT_EQ(outcome.out.bytes, "False\n") << outcome.err.bytes;
  search.environment.push_back("TOKEN=value-KQZJX-secret");
  EXPECT_EQ(run(search).out.bytes, "True\n");  // It would have found it.
}

TEST_F(ZygoteTest, RandomNumbersDiffer) {
  const ChildSpec what = spec("import random, uuid, os, tempfile; print(random.random(), uuid.uuid4(), os.urandom(4))");
  EXPECT_NE(run(what).out.bytes, run(what).out.bytes);
}

TEST_F(ZygoteTest, UsageIsThatOfTheRun) {
  const ChildSpec what = spec(
      "x = bytearray(80 << 20)\nimport time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass");
  const RunOutcome outcome = run(what);
  EXPECT_GE(outcome.usage.cpu, 190ms);
  EXPECT_GE(outcome.usage.max_rss_bytes, 80U << 20);
  EXPECT_LT(run(spec("pass")).usage.cpu, 150ms);
}

TEST_F(ZygoteTest, OtherProgramsAreRefused) {
  ChildSpec what = spec("pass");
  what.environment.emplace_back("LC_ALL=C");
  EXPECT_EQ(zygote_.launch(what).error().code, ErrorCode::not_allowed);
  what.program = "/bin/sh";
  EXPECT_EQ(zygote_.launch(what).error().code, ErrorCode::not_allowed);
  EXPECT_EQ(zygote_.pid(), -1);  // For these none was started.
}

TEST_F(ZygoteTest, WhatFailsBeforeTheScriptIsTold) {
  ChildSpec what = spec("pass");
  what.working_folder = "/not/there";
  const auto failed = zygote_.launch(what);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::spawn_failed);
  EXPECT_NE(failed.error().detail.find("enter the working folder /not/there"), std::string::npos) << failed.error();
  EXPECT_NE(failed.error().detail.find("No such file"), std::string::npos) << failed.error();
  EXPECT_EQ(run(spec("print(1)")).out.bytes, "1\n");
}

// --- Ends ----------------------------------------------------------------------------------

TEST_F(ZygoteTest, AStoppedRunEndsWithItsInterpreter) {
  const RunOutcome outcome =
      run(spec("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1000)"), {}, run_limits(200ms));
  EXPECT_EQ(outcome.end, RunOutcome::End::timed_out);
  EXPECT_EQ(outcome.exit.signal, SIGKILL);
  const int before = zygote_.pid();
  EXPECT_EQ(run(spec("print(1)")).out.bytes, "1\n");
  EXPECT_NE(zygote_.pid(), before);
  EXPECT_EQ(zygote_.counters().recycled[static_cast<std::size_t>(RecycleReason::stopped_run)], 1U);
}

// The descendants hold the pipe, so its end proves that they are dead.
constexpr const char* kLooseScript = R"(
import os, signal, sys, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            for s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)
            os.write(2, b'loose\n')
            time.sleep(1000)
        os._exit(0)
for _ in range(5): os.wait()
)";

TEST_F(ZygoteTest, ProcessesThatComeLooseAreKilled) {
  for (const char* rest : {"", "time.sleep(1000)"}) {
    const Fd watched(::open((folder_ / "held").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Fd read_end(ends[0]);
    Fd write_end(ends[1]);
    ChildSpec what = spec(kLooseScript + std::string(rest));
    auto process = zygote_.launch(what);
    ASSERT_TRUE(process) << process.error();
    const Fd err = std::move((*process)->pipes().err);
    for (int i = 0; i < 5; ++i) ASSERT_EQ(testing::read_line(err), "loose\n");
    process->reset();
    EXPECT_TRUE(testing::reaches_eof(err));
  }
}

TEST_F(ZygoteTest, AForkBombEnds) {
  RunLimits limits = run_limits(500ms);
  limits.kill_grace = 50ms;
  auto process =
      zygote_.launch(spec("import os, time\nos.write(1, b'x')\nfor _ in range(6): os.fork()\nwhile True:\n  if "
                          "os.fork() == 0 and os.fork(): os._exit(0)\n  time.sleep(.01)"));
  ASSERT_TRUE(process) << process.error();
  EXPECT_TRUE(run_supervised(*std::move(process), {}, limits, -1));
  EXPECT_EQ(run(spec("print(1)")).out.bytes, "1\n");
}

TEST_F(ZygoteTest, KillingTheZygoteEndsItsRun) {
  auto process = zygote_.launch(spec("import time; print(1, flush=True); time.sleep(1000)"));
  ASSERT_TRUE(process) << process.error();
  ASSERT_EQ(testing::read_line((*process)->pipes().out), "1\n");
  ASSERT_GT(zygote_.pid(), 1) << "none was started, and -1 would mean every process";
  ::kill(zygote_.pid(), SIGKILL);
  ASSERT_TRUE(becomes_readable((*process)->exit_fd()));
  EXPECT_EQ((*process)->try_reap()->exit.signal, SIGKILL);
  process->reset();
  EXPECT_EQ(run(spec("print(2)")).out.bytes, "2\n");
}

TEST_F(ZygoteTest, AZygoteThatDiedWhileItWaitedIsReplaced) {
  EXPECT_EQ(run(spec("print(1)")).out.bytes, "1\n");
  const int before = zygote_.pid();
  ::kill(before, SIGKILL);
  EXPECT_EQ(run(spec("print(2)")).out.bytes, "2\n");
  EXPECT_NE(zygote_.pid(), before);
  EXPECT_EQ(zygote_.counters().recycled[static_cast<std::size_t>(RecycleReason::failure)], 1U);
}

TEST_F(ZygoteTest, AStoppedZygoteIsGivenUp) {
  EXPECT_EQ(run(spec("print(1)")).out.bytes, "1\n");
  ASSERT_GT(zygote_.pid(), 1) << "none was started, and -1 would mean every process";
  ::kill(zygote_.pid(), SIGSTOP);
  EXPECT_EQ(run(spec("print(2)")).out.bytes, "2\n");
  EXPECT_EQ(zygote_.counters().recycled[static_cast<std::size_t>(RecycleReason::failure)], 1U);
}

TEST_F(ZygoteTest, NoProcessAndNoDescriptorIsLeft) {
  const std::size_t before = open_descriptors();
  {
    Zygote zygote(kPython, settings(), clock_);
    for (int i = 0; i < 3; ++i) {
      auto process = zygote.launch(spec("import time; time.sleep(1000)"));
      ASSERT_TRUE(process) << process.error();
      EXPECT_EQ(zygote.launch(spec("pass")).error().code, ErrorCode::spawn_failed);  // One at a time.
    }
  }
  EXPECT_TRUE(has_no_children());
  EXPECT_EQ(open_descriptors(), before);
}

// --- Replacing -----------------------------------------------------------------------------

TEST_F(ZygoteTest, ItIsReplacedAfterItsBounds) {
  ZygoteSettings bounds = settings();
  bounds.runs_max = 2;
  Zygote zygote(kPython, bounds, clock_);
  const ChildSpec what = spec("pass");
  const auto go = [&] {
    auto process = zygote.launch(what);
    ASSERT_TRUE(process) << process.error();
    ASSERT_TRUE(becomes_readable((*process)->exit_fd()));
    EXPECT_EQ((*process)->try_reap()->exit.code, 0);
  };
  for (int i = 0; i < 3; ++i) go();
  EXPECT_EQ(zygote.counters().recycled[static_cast<std::size_t>(RecycleReason::runs)], 1U);
  clock_.advance(limits::kZygoteAgeMax + 1s);
  go();
  EXPECT_EQ(zygote.counters().recycled[static_cast<std::size_t>(RecycleReason::age)], 1U);
  EXPECT_EQ(zygote.counters().starts, 3U);
}

TEST_F(ZygoteTest, ItIsReplacedWhenItHasGrown) {
  ZygoteSettings bounds = settings();
  bounds.rss_bytes_max = 1;
  Zygote zygote(kPython, bounds, clock_);
  const ChildSpec what = spec("pass");
  for (int i = 0; i < 2; ++i) {
    auto process = zygote.launch(what);
    ASSERT_TRUE(process) << process.error();
  }
  EXPECT_GE(zygote.counters().starts, 2U);
}

TEST_F(ZygoteTest, AfterAFailedStartItWaitsLongerEachTime) {
  Zygote zygote("/bin/false", settings(), clock_);
  ChildSpec what = spec("pass");
  what.program = "/bin/false";
  EXPECT_EQ(zygote.launch(what).error().code, ErrorCode::spawn_failed);
  EXPECT_FALSE(zygote.launch(what));
  EXPECT_EQ(zygote.counters().start_failures, 1U);
  clock_.advance(limits::kZygoteRetry);
  EXPECT_FALSE(zygote.launch(what));
  EXPECT_EQ(zygote.counters().start_failures, 2U);
  clock_.advance(limits::kZygoteRetry);
  EXPECT_FALSE(zygote.launch(what));
  EXPECT_EQ(zygote.counters().start_failures, 2U);
  EXPECT_TRUE(has_no_children());
}

TEST_F(ZygoteTest, AModuleThatIsMissingIsLeftOut) {
  Zygote zygote(kPython, {.preload = {"not_there", "json"}}, clock_);
  EXPECT_TRUE(zygote.launch(spec("pass")));
}

// A fork would copy locks that the other thread holds, and nobody would ever open them.
TEST_F(ZygoteTest, AnInterpreterWithASecondThreadIsNotForked) {
  folder_.write("python3", R"(#!/bin/sh
exec /usr/bin/python3 -I -c '
import sys, threading, time
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
sys.argv = sys.argv[2:]
exec(compile(sys.stdin.read(), "<stdin>", "exec"))' "$@"
)",
                true);
  const std::string python = (folder_ / "python3").native();
  Zygote zygote(python, settings(), clock_);
  ChildSpec what = spec("pass");
  what.program = python;
  const auto refused = zygote.launch(what);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("deadlock"), std::string::npos) << refused.error();
}

TEST_F(ZygoteTest, TheSandboxIsApplied) {
  const SandboxFeatures features = probe_sandbox();
  if (!features.seccomp || features.landlock_abi == 0) GTEST_SKIP() << "this kernel has no seccomp or Landlock";
  auto sandbox = Sandbox::create({}, features);
  ASSERT_TRUE(sandbox) << sandbox.error();
  SandboxRequest request;
  request.run_folder = folder_.root();
  request.limits.memory_bytes = 300U << 20;
  request.limits.open_files = 64;
  const auto confined = sandbox->confine(request);
  ASSERT_TRUE(confined) << confined.error();
  const char* script = R"(
import os, resource, socket, ctypes
def attempt(name, function):
    try: print(name, 'works', function())
    except BaseException as error: print(name, type(error).__name__, getattr(error, 'errno', ''))
attempt('tcp', lambda: socket.socket())
attempt('unix', lambda: socket.socket(socket.AF_UNIX))
attempt('write', lambda: open('/etc/x', 'w'))
attempt('root', lambda: os.listdir('/root'))
attempt('here', lambda: open('x', 'w') and None)
attempt('memory', lambda: bytearray(400 << 20))
attempt('environ', lambda: open('/proc/%d/environ' % os.getppid(), 'rb').read())
attempt('setsid', lambda: (os.setsid(), os.getsid(0) == os.getpid())[1])
attempt('unshare', lambda: ctypes.CDLL(None, use_errno=True).unshare(0x10000000))
print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))
print([line for line in open('/proc/self/status') if line.startswith(('Cap', 'NoNewPrivs', 'Seccomp:', 'SigB', 'SigC', 'SigI'))])
)";
  ChildSpec what = spec(script);
  what.confinement = &confined->confinement();
  expect_same_as_cold(what);
  EXPECT_NE(run(what).out.bytes.find("tcp PermissionError 13"), std::string::npos);
}

}  // namespace
}  // namespace skillscale
