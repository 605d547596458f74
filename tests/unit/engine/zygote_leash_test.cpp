// Forked runs are held as firmly as those that start cold, and cannot get at the interpreter that they come from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "engine/zygote.h"
#include "os/guardian.h"
#include "os/sandbox.h"
#include "os/supervised_run.h"
#include "skills/python_command.h"
#include "support/manual_clock.h"
#include "support/processes.h"
#include "support/rung.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::becomes_readable;
using testing::reaches_eof;
using testing::ReadyPipe;
using testing::Rung;

constexpr const char* kPython = "/usr/bin/python3";

ChildSpec python_spec(const std::string& code, const std::string& folder, std::vector<std::string> arguments = {}) {
  ChildSpec spec{.program = kPython,
                 .argv = {kPython, "-c", code},
                 .environment = {"PATH=/usr/bin:/bin", kZygoteLocale},
                 .working_folder = folder};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  return spec;
}

// --- The whole tree ------------------------------------------------------------------------

// Classic daemons that hold the marker open; the parent-death signal is switched off too.
constexpr const char* kDaemons = R"(
import ctypes, os, signal, sys, time
marker = os.open(sys.argv[1], os.O_WRONLY)
os.set_inheritable(marker, True)
ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        os.setsid()
        for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)
        os.write(marker, b'x')
        os.execve('/bin/sleep', ['sleep', '600'], {})
signal.signal(15, signal.SIG_IGN)
)";
constexpr int kDaemonCount = 5;

// A whole server, as far as one run is concerned, to be killed.
class Server {
 public:
  Server(Rung& rung, const ChildSpec& spec) : pid_(::fork()) {
    if (pid_ != 0) return;
    auto guardian = Guardian::start(rung.folder());
    if (!guardian) ::_exit(1);
    rung.leash().guardian = guardian->get();
    testing::ManualClock clock;
    Zygote zygote(kPython, {.preload = {}}, clock);
    const auto run = zygote.launch(spec);
    if (!run) ::_exit(2);
    for (;;) ::pause();
  }
  ~Server() { kill(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

class ZygoteTreeTest : public ::testing::TestWithParam<KillStrategy> {
 protected:
  void SetUp() override {
    if (!rung_.missing().empty()) GTEST_SKIP() << rung_.missing();
  }
  ChildSpec daemons(const std::string& then) {
    return rung_.confine(python_spec(kDaemons + then, folder_.root(), {marker_.path()}));
  }
  void wait_for_daemons() const {
    char mark = 0;
    for (int i = 0; i < kDaemonCount; ++i) {
      ASSERT_TRUE(becomes_readable(marker_.fd()));
      ASSERT_EQ(::read(marker_.fd(), &mark, 1), 1);
    }
  }
  void wait_for_daemons_of(const std::string& then) {
    auto run = zygote_.launch(daemons(then));
    ASSERT_TRUE(run) << run.error();
    wait_for_daemons();
  }

  testing::SkillTree folder_;
  const ReadyPipe marker_;
  Rung rung_{GetParam()};
  testing::ManualClock clock_;
  Zygote zygote_{kPython, {.preload = {}}, clock_};
};

TEST_P(ZygoteTreeTest, NothingSurvivesTheEndOfItsLeader) {
  auto run = zygote_.launch(daemons("os._exit(0)"));
  ASSERT_TRUE(run) << run.error();
  wait_for_daemons();
  ASSERT_TRUE(becomes_readable((*run)->exit_fd()));
  const auto end = (*run)->try_reap();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->exit.code, 0);
  EXPECT_FALSE(end->out_of_memory);
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(ZygoteTreeTest, NothingSurvivesTheDropOfTheHandle) {
  wait_for_daemons_of("time.sleep(600)");
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(ZygoteTreeTest, NothingSurvivesTheSuddenDeathOfTheServer) {
  Server server(rung_, daemons("time.sleep(600)"));
  wait_for_daemons();
  server.kill();
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(ZygoteTreeTest, TheNextRunIsNotKilledWithTheOneBefore) {
  wait_for_daemons_of("time.sleep(600)");
  for (int i = 0; i < 3; ++i) {
    auto run = zygote_.launch(rung_.confine(python_spec("print(1)", folder_.root())));
    ASSERT_TRUE(run) << run.error();
    EXPECT_EQ(testing::read_line((*run)->pipes().out), "1\n");
    ASSERT_TRUE(becomes_readable((*run)->exit_fd()));
    EXPECT_EQ((*run)->try_reap()->exit.code, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Rungs, ZygoteTreeTest, ::testing::Values(KillStrategy::cgroup, KillStrategy::pinned),
                         [](const auto& tested) { return tested.param == KillStrategy::cgroup ? "Cgroup" : "Pinned"; });

// The guardian would see no end of its pipe while a run holds it.
TEST(ZygoteLeashTest, TheGuardianIsToldOfARunAndNotHeldByIt) {
  const testing::SkillTree folder;
  const ReadyPipe marker;
  auto guardian = Guardian::start("");
  ASSERT_TRUE(guardian) << guardian.error();
  RunLeash leash;
  leash.guardian = guardian->get();
  testing::ManualClock clock;
  Zygote zygote(kPython, {.preload = {}}, clock);
  ChildSpec spec =
      python_spec("import os, sys, time; os.write(os.open(sys.argv[1], os.O_WRONLY), b'x'); time.sleep(600)",
                  folder.root(), {marker.path()});
  spec.leash = &leash;
  auto run = zygote.launch(spec);
  ASSERT_TRUE(run) << run.error();
  ASSERT_TRUE(becomes_readable(marker.fd()));
  {
    // Its handle's end is that of the pipe: a second holder would make this wait for ever.
    const std::jthread ender([&guardian] { *guardian = nullptr; });
    ASSERT_TRUE(becomes_readable((*run)->exit_fd()));
    leash.guardian = nullptr;
    EXPECT_EQ((*run)->try_reap()->exit.signal, SIGKILL);
  }
}

// --- The waiting interpreter -----------------------------------------------------------------

using Attempts = std::map<std::string, int>;

// Becomes the escape program and aims at the zygote, or at the process that waits to be the next run.
constexpr const char* kEscape = R"(
import os, sys, time
aim = os.getppid()
while sys.argv[2] == 'spare' and aim == os.getppid():
    with open('/proc/%d/task/%d/children' % (aim, aim)) as file:
        aim = next((pid for pid in map(int, file.read().split()) if pid != os.getpid()), aim)
    time.sleep(.005)
os.execv(sys.argv[1], ['escape', 'daemon=%d' % aim])
)";

class ZygoteEscapeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    features_ = probe_sandbox();
    if (!features_.seccomp) GTEST_SKIP() << "this kernel has no seccomp";
  }
  // With the Landlock of an older kernel; 0: none at all.
  Attempts escape(const char* aim, int landlock_abi) {
    SandboxFeatures features = features_;
    features.landlock_abi = std::min(features.landlock_abi, landlock_abi);
    SandboxSettings settings;
    settings.on_missing = SandboxSettings::OnMissing::degrade;
    settings.readable = {std::filesystem::path(SKILLSCALE_ESCAPE).parent_path()};
    auto sandbox = Sandbox::create(settings, features);
    EXPECT_TRUE(sandbox) << sandbox.error();
    SandboxRequest request;
    request.run_folder = folder_.root();
    const auto confined = sandbox->confine(request);
    EXPECT_TRUE(confined) << confined.error();
    ChildSpec spec = python_spec(kEscape, folder_.root(), {SKILLSCALE_ESCAPE, aim});
    spec.confinement = &confined->confinement();
    auto run = zygote_.launch(spec);
    EXPECT_TRUE(run) << run.error();
    const auto outcome = run_supervised(*std::move(run), {},
                                        {.timeout = testing::kDeadline,
                                         .kill_grace = 0ms,
                                         .drain_grace = 250ms,
                                         .stdout_bytes_max = 100000,
                                         .stderr_bytes_max = 100000,
                                         .flood_bytes_max = 1000000},
                                        -1);
    EXPECT_TRUE(outcome) << outcome.error();
    Attempts attempts;
    std::istringstream lines(outcome->out.bytes);
    for (std::string name; lines >> name;) lines >> attempts[name];
    EXPECT_EQ(attempts.count("done"), 1U) << outcome->out.bytes << outcome->err.bytes;
    return attempts;
  }
  static void expect_refused(const Attempts& attempts, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      ASSERT_EQ(attempts.count(name), 1U) << name;
      EXPECT_THAT(attempts.at(name), ::testing::AnyOf(EPERM, EACCES)) << name;
    }
  }

  SandboxFeatures features_;
  testing::SkillTree folder_;
  testing::ManualClock clock_;
  Zygote zygote_{kPython, {.preload = {}}, clock_};
};

const std::vector<std::string> kLooksAndLimits = {"read-environ", "read-memory-file", "ptrace", "process-vm-readv",
                                                  "set-limit"};
const std::vector<std::string> kSignals = {"signal", "signal-thread", "signal-queue",
                                           "pidfd",  "signal-folder", "set-priority"};

// On every kernel: the filter and the interpreter itself see to it, not Landlock alone.
TEST_F(ZygoteEscapeTest, ARunCannotGetAtItsZygote) {
  for (const int landlock_abi : {0, 2, 5, 99}) {
    SCOPED_TRACE(landlock_abi);
    const Attempts attempts = escape("zygote", landlock_abi);
    expect_refused(attempts, kLooksAndLimits);
    expect_refused(attempts, kSignals);
  }
  EXPECT_EQ(zygote_.counters().starts, 1U);
}

TEST_F(ZygoteEscapeTest, ARunCannotLookIntoOrLimitTheNextOne) {
  for (const int landlock_abi : {0, 99}) {
    SCOPED_TRACE(landlock_abi);
    expect_refused(escape("spare", landlock_abi), kLooksAndLimits);
  }
}

TEST_F(ZygoteEscapeTest, TheGroupOfTheZygoteCannotBeSignalled) {
  const auto filter = make_pinned_filter();
  ASSERT_TRUE(filter) << filter.error();
  const Confinement confinement{.limits = {}, .no_new_privileges = true, .seccomp = filter->program()};
  ChildSpec spec = python_spec(R"(
import os
for aim in (os.getppid(), -os.getppid()):
    try: os.kill(aim, 9)
    except OSError as error: print(error.errno, flush=True)
os.kill(os.getpid(), 0)
print('own', flush=True)
)",
                               folder_.root());
  spec.confinement = &confinement;
  auto run = zygote_.launch(spec);
  ASSERT_TRUE(run) << run.error();
  for (const char* line : {"1\n", "1\n", "own\n"}) EXPECT_EQ(testing::read_line((*run)->pipes().out), line);
  ASSERT_TRUE(becomes_readable((*run)->exit_fd()));
  EXPECT_EQ((*run)->try_reap()->exit.code, 0);
}

}  // namespace
}  // namespace skillscale
