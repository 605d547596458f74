// Functions of real skills in a real worker.
#include "engine/warm_worker.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>

#include "engine/python_runtime.h"
#include "engine/python_sources.h"
#include "os/wakeup.h"
#include "support/processes.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::has_no_children;

class WarmWorkerTest : public ::testing::Test {
 protected:
  WarmWorkerTest() {
    for (const PythonSource& source : python_sources()) tree_.write("runtime/" + std::string(source.name), source.text);
  }
  WarmWorker start(std::string_view function) {
    tree_.write("skill/main.py", function);
    const ChildSpec spec{.program = "/usr/bin/python3",
                         .argv = {"python3", "-B", (tree_ / "runtime/skillscale_worker.py").native()},
                         .environment = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8"},
                         .working_folder = tree_.root(),
                         .result = true};
    auto process = ChildProcess::launch(spec);
    EXPECT_TRUE(process) << process.error();
    return WarmWorker(*std::move(process));
  }
  std::string input(const std::string& json) const {
    return R"({"dialect":"open_skills","folder":")" + (tree_ / "skill").native() + R"(","file":")" +
           (tree_ / "skill/main.py").native() + R"(","module":"","function":"run","inputs":[],"input":)" + json + "}";
  }
  static RunLimits run_limits(std::chrono::milliseconds timeout = testing::kDeadline) {
    return {.timeout = timeout,
            .kill_grace = 100ms,
            .drain_grace = 250ms,
            .stdout_bytes_max = 1000,
            .stderr_bytes_max = 1000,
            .flood_bytes_max = 16000,
            .result_bytes_max = 5000000};
  }
  RunOutcome call(WarmWorker& worker, const std::string& json = "{}", RunLimits limits = run_limits()) const {
    auto outcome = worker.call(input(json), limits, -1);
    EXPECT_TRUE(outcome) << outcome.error();
    return outcome ? *std::move(outcome) : RunOutcome();
  }

  testing::SkillTree tree_;
};

TEST_F(WarmWorkerTest, OneInterpreterAnswersAllCalls) {
  WarmWorker worker = start(
      "import os\ncount = 0\ndef run(input):\n  global count\n  count += 1\n  return {'n': count, 'pid': os.getpid(), "
      "'x': input['x']}");
  const std::string first = call(worker, R"({"x":"ü"})").result.bytes;
  const std::string second = call(worker, R"({"x":[1]})").result.bytes;
  EXPECT_NE(first.find(R"("n": 1)"), std::string::npos) << first;
  EXPECT_NE(first.find("ü"), std::string::npos) << first;
  EXPECT_NE(second.find(R"("n": 2)"), std::string::npos) << second;
  EXPECT_EQ(first.substr(first.find("pid"), 12), second.substr(second.find("pid"), 12));
  EXPECT_EQ(worker.calls(), 2U);
}

TEST_F(WarmWorkerTest, WhatAFunctionPrintsIsKeptPerCall) {
  WarmWorker worker = start(
      "import sys\ndef run(input):\n  print(input['x'])\n  print('e', input['x'], file=sys.stderr)\n  "
      "sys.stdin.read()");
  EXPECT_EQ(call(worker, R"({"x":1})").out.bytes, "1\n");
  const RunOutcome second = call(worker, R"({"x":2})");
  EXPECT_EQ(second.out.bytes, "2\n");
  EXPECT_EQ(second.stderr_tail, "e 2\n");
}

TEST_F(WarmWorkerTest, MuchOutputIsCut) {
  WarmWorker worker = start("def run(input):\n  for i in range(1000): print('0123456789')\n  return 'done'");
  const RunOutcome outcome = call(worker);
  EXPECT_EQ(outcome.end, RunOutcome::End::exited);
  EXPECT_EQ(outcome.out.bytes.size(), 1000U);
  EXPECT_TRUE(outcome.out.truncated);
  EXPECT_EQ(outcome.out_bytes_total, 11000U);
  EXPECT_EQ(call(worker).out_bytes_total, 11000U);
}

TEST_F(WarmWorkerTest, TooMuchOutputEndsIt) {
  for (const char* script :
       {"  while True: print('0123456789')", "  for i in range(1500): print('0123456789')\n  return 1",
        "  import os\n  while True: os.write(2, b'0123456789')"}) {
    WarmWorker worker = start("def run(input):\n" + std::string(script));
    EXPECT_EQ(call(worker).end, RunOutcome::End::flooded) << script;
    EXPECT_FALSE(worker.usable());
  }
}

TEST_F(WarmWorkerTest, WhatItPrintsBetweenCallsIsNobodys) {
  const testing::ReadyPipe printed;
  WarmWorker worker = start(R"(
import os, threading, time
def late():
    while not os.path.exists('go'): time.sleep(.005)
    os.write(1, b'late')
    os.write(os.open(')" + printed.path() +
                            R"(', os.O_WRONLY), b'x')
threading.Thread(target=late).start()
def run(input): print(input)
)");
  EXPECT_EQ(call(worker, "1").out.bytes, "1\n");
  tree_.write("go", "");
  ASSERT_TRUE(testing::becomes_readable(printed.fd()));
  EXPECT_EQ(call(worker, "2").out.bytes, "2\n");
}

TEST_F(WarmWorkerTest, AFailureEndsOneCall) {
  WarmWorker worker = start(
      "import sys\ndef run(input):\n  if input == 1: raise ValueError('wrong')\n  if input == 2: sys.exit(7)\n  if "
      "input == 3: sys.exit('why')\n  if input == 4: return object()\n  return 'fine'");
  const RunOutcome first = call(worker, "1");
  EXPECT_EQ(first.exit.code, 1);
  EXPECT_NE(first.stderr_tail.find("ValueError: wrong"), std::string::npos);
  EXPECT_EQ(first.stderr_tail.find("skillscale_worker"), std::string::npos) << first.stderr_tail;
  EXPECT_EQ(call(worker, "2").exit.code, 7);
  EXPECT_EQ(call(worker, "3").stderr_tail, "why\n");
  EXPECT_EQ(call(worker, "4").exit.code, 1);
  EXPECT_EQ(call(worker, "5").exit.code, 0);
}

TEST_F(WarmWorkerTest, ABrokenSkillIsAFailedCall) {
  WarmWorker worker = start("def run(:");
  EXPECT_EQ(call(worker).exit.code, 1);
  EXPECT_NE(call(worker).stderr_tail.find("SyntaxError"), std::string::npos);
}

TEST_F(WarmWorkerTest, LargeInputsAndResultsPass) {
  WarmWorker worker = start("def run(input): return input['x'] * 2");
  const RunOutcome outcome = call(worker, R"({"x":")" + std::string(1000000, 'a') + R"("})");
  EXPECT_GT(outcome.result.bytes.size(), 2000000U);
  EXPECT_EQ(call(worker, R"({"x":"b"})").exit.code, 0);
}

TEST_F(WarmWorkerTest, AResultThatIsTooLargeEndsIt) {
  WarmWorker worker = start("def run(input): return 'x' * 3000000");
  EXPECT_EQ(call(worker).end, RunOutcome::End::flooded);
  EXPECT_FALSE(worker.usable());
}

TEST_F(WarmWorkerTest, ATimeOutEndsTheWholeTree) {
  WarmWorker worker = start(
      "import os, time, signal\ndef run(input):\n  signal.signal(15, signal.SIG_IGN)\n  os.fork()\n  time.sleep(1000)");
  const RunOutcome outcome = call(worker, "{}", run_limits(300ms));
  EXPECT_EQ(outcome.end, RunOutcome::End::timed_out);
  EXPECT_FALSE(worker.usable());
  EXPECT_FALSE(worker.call(input("{}"), run_limits(), -1));
  EXPECT_TRUE(has_no_children());
}

TEST_F(WarmWorkerTest, ACancelEndsIt) {
  WarmWorker worker = start("import time\ndef run(input): time.sleep(1000)");
  Wakeup cancel;
  cancel.notify();
  EXPECT_EQ(worker.call(input("{}"), run_limits(), cancel.fd())->end, RunOutcome::End::cancelled);
  EXPECT_FALSE(worker.usable());
}

TEST_F(WarmWorkerTest, AWorkerThatDiesInACallSaysHow) {
  for (const char* how : {"os._exit(9)", "os.kill(os.getpid(), 11)"}) {
    WarmWorker worker = start("import os\ndef run(input): " + std::string(how));
    const RunOutcome outcome = call(worker);
    EXPECT_EQ(outcome.end, RunOutcome::End::exited);
    EXPECT_TRUE(outcome.exit.code == 9 || outcome.exit.signal == SIGSEGV);
    EXPECT_FALSE(worker.usable());
  }
}

TEST_F(WarmWorkerTest, AWorkerThatDiedWhileItWaitedHasRunNothing) {
  WarmWorker worker = start("import os\ndef run(input): return os.getpid()");
  const std::string result = call(worker).result.bytes;
  const int pid = std::stoi(result.substr(result.rfind(' ')));
  ::kill(pid, SIGKILL);
  for (int attempt = 0; attempt < 1000 && worker.usable(); ++attempt) {
    if (!worker.call(input("{}"), run_limits(), -1)) break;
  }
  EXPECT_FALSE(worker.usable());
}

// A skill that finds our descriptors can only hurt itself: its answers stop making sense.
TEST_F(WarmWorkerTest, GarbledAnswersEndIt) {
  for (const char* bytes : {"b'x' * 1000", "b''.join([b'\\xff' * 8, b'\\0' * 100])", "b'\\0' * 500"}) {
    WarmWorker worker = start(
        "import os\ndef run(input):\n  for d in os.listdir('/proc/self/fd'):\n    try:\n      if int(d) > 2: "
        "os.write(int(d), " +
        std::string(bytes) + ")\n    except OSError: pass\n  return 'x'");
    call(worker);
    EXPECT_FALSE(worker.usable()) << bytes;
  }
}

TEST_F(WarmWorkerTest, AnAnswerThatNobodyAskedForEndsIt) {
  const testing::ReadyPipe written;
  WarmWorker worker = start(R"(
import os, threading, time
def forge():
    while not os.path.exists('go'): time.sleep(.005)
    for d in os.listdir('/proc/self/fd'):
        try: int(d) > 2 and os.write(int(d), b'\0' * 33)
        except OSError: pass
    os.write(os.open(')" + written.path() +
                            R"(', os.O_WRONLY), b'x')
threading.Thread(target=forge).start()
def run(input): pass
)");
  EXPECT_EQ(call(worker).exit.code, 0);
  tree_.write("go", "");
  ASSERT_TRUE(testing::becomes_readable(written.fd()));
  EXPECT_EQ(worker.call(input("{}"), run_limits(), -1).error().code, ErrorCode::spawn_failed);
  EXPECT_FALSE(worker.usable());
}

TEST_F(WarmWorkerTest, WhatItsProgramsPrintIsKeptToo) {
  WarmWorker worker = start(
      "import subprocess\ndef run(input):\n  subprocess.run(['/bin/sh', '-c', 'echo out; echo err >&2'], check=True)\n"
      "  return 'done'");
  for (int i = 0; i < 2; ++i) {
    const RunOutcome outcome = call(worker);
    EXPECT_EQ(outcome.out.bytes, "out\n");
    EXPECT_EQ(outcome.stderr_tail, "err\n");
  }
  EXPECT_TRUE(worker.usable());
}

TEST_F(WarmWorkerTest, WhatACallDoesToItsStreamsIsUndone) {
  WarmWorker worker = start(
      "import io, sys\ndef run(input):\n  print(input)\n  if input == 1: sys.stdout.close()\n"
      "  if input == 2: sys.stdout = io.StringIO()\n  if input == 3: sys.stdout = None\n  if input == 4: sys.stderr = "
      "7");
  for (const char* input : {"1", "2", "3", "4", "5"}) {
    const RunOutcome outcome = call(worker, input);
    EXPECT_EQ(outcome.out.bytes, input + std::string("\n"));
    EXPECT_EQ(outcome.exit.code, 0) << outcome.err.bytes;
  }
}

TEST_F(WarmWorkerTest, EachCallBeginsInItsFolder) {
  WarmWorker worker = start("import os\ndef run(input):\n  print(os.getcwd())\n  os.chdir('/')");
  EXPECT_EQ(call(worker).out.bytes, tree_.root().native() + "\n");
  EXPECT_EQ(call(worker).out.bytes, tree_.root().native() + "\n");
}

// The pipe's end proves that they are dead.
TEST_F(WarmWorkerTest, ACallThatLeavesAProcessEndsItWithAllProcesses) {
  for (const char* leave :
       {"subprocess.Popen(['/bin/sleep', '1000'], pass_fds=[w])",
        "subprocess.run(['/bin/sh', '-c', 'sleep 1000 &'], pass_fds=[w], start_new_session=True)"}) {
    const testing::ReadyPipe marker;
    WarmWorker worker = start("import os, subprocess\ndef run(input):\n  w = os.open('" + marker.path() +
                              "', os.O_WRONLY)\n  " + leave + "\n  os.close(w)\n  return 'done'");
    const RunOutcome outcome = call(worker);
    EXPECT_EQ(outcome.exit.code, 0) << outcome.err.bytes;
    EXPECT_NE(outcome.result.bytes.find("done"), std::string::npos);
    EXPECT_FALSE(worker.usable()) << leave;
  }
}

TEST_F(WarmWorkerTest, ItsTreeIsWatched) {
  RunLimits memory = run_limits();
  memory.tree_memory_bytes_max = 100U << 20;
  WarmWorker hog = start("import time\ndef run(input):\n  x = bytearray(150 << 20)\n  time.sleep(1000)");
  EXPECT_EQ(call(hog, "{}", memory).end, RunOutcome::End::out_of_memory);
  RunLimits files = run_limits();
  files.folder = tree_.root();
  files.folder_files_max = 100;
  WarmWorker scribbler =
      start("import time\ndef run(input):\n  for i in range(200): open(str(i), 'w')\n  time.sleep(1000)");
  EXPECT_EQ(call(scribbler, "{}", files).end, RunOutcome::End::folder_too_large);
  RunLimits processes = run_limits();
  processes.processes_max = 5;
  WarmWorker bomb = start("import os, time\ndef run(input):\n  for i in range(4): os.fork()\n  time.sleep(1000)");
  EXPECT_EQ(call(bomb, "{}", processes).end, RunOutcome::End::too_many_processes);
  EXPECT_TRUE(has_no_children());
}

TEST_F(WarmWorkerTest, UsageIsThatOfTheCall) {
  WarmWorker worker = start(
      "import time\ndef run(input):\n  end = time.process_time() + input\n  while time.process_time() < end: pass");
  EXPECT_GE(call(worker, "0.2").usage.cpu, 190ms);
  const RunOutcome second = call(worker, "0");
  EXPECT_LT(second.usage.cpu, 100ms);
  EXPECT_GT(second.usage.max_rss_bytes, 1000000U);
}

TEST_F(WarmWorkerTest, WhatItHasGrownByIsCountedFromItsFirstCall) {
  WarmWorker worker = start("kept = []\ndef run(input): kept.append(b'x' * (input << 20))");
  call(worker, "60");
  EXPECT_EQ(worker.grown_bytes(), 0U);
  call(worker, "40");
  EXPECT_GE(worker.grown_bytes(), 30U << 20);
}

TEST_F(WarmWorkerTest, DroppingItLeavesNoProcess) {
  {
    WarmWorker worker = start("import os\ndef run(input): os.fork()");
    EXPECT_EQ(worker.calls(), 0U);
  }
  EXPECT_TRUE(has_no_children());
}

}  // namespace
}  // namespace skillscale
