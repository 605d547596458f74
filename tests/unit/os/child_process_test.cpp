#include "os/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include "support/processes.h"

namespace skillscale {
namespace {

using testing::becomes_readable;
using testing::has_no_children;
using testing::open_descriptors;
using testing::puppet;
using testing::reaches_eof;
using testing::read_line;

// Starts the puppet, reads its stdout to the end and reaps it.
std::string output_of(const ChildSpec& spec) {
  auto child = ChildProcess::launch(spec);
  if (!child) return child.error().detail;
  (*child)->pipes().in.reset();
  const Fd out = std::move((*child)->pipes().out);
  std::string text;
  for (std::string line = read_line(out); !line.empty(); line = read_line(out)) text += line;
  if (!becomes_readable((*child)->exit_fd())) return "does not end";
  if (!(*child)->try_reap()) return "cannot be reaped";
  return text;
}

ExitStatus end_of(ChildSpec spec) {
  auto child = ChildProcess::launch(spec);
  EXPECT_TRUE(child) << child.error();
  EXPECT_TRUE(becomes_readable((*child)->exit_fd()));
  return (*child)->try_reap().value().exit;
}

TEST(ChildProcessTest, ArgumentsArriveAsGiven) {
  EXPECT_EQ(output_of(puppet({"echo", "", "two words", "$HOME; *", "ünï"})), "\ntwo words\n$HOME; *\nünï\n");
}

TEST(ChildProcessTest, TheEnvironmentIsExactlyAsGiven) {
  ChildSpec spec = puppet({"print-environment"});
  EXPECT_EQ(output_of(spec), "");
  spec.environment = {"A=1", "B=two words", "C="};
  EXPECT_EQ(output_of(spec), "A=1\nB=two words\nC=\n");
}

TEST(ChildProcessTest, OnlyThreeDescriptorsArePassedOn) {
  const Fd leaky(::open("/dev/null", O_RDONLY));  // Deliberately not close-on-exec.
  const Fd high(::fcntl(leaky.get(), F_DUPFD, 200));
  EXPECT_EQ(output_of(puppet({"print-descriptors"})), "0\n1\n2\n");
}

TEST(ChildProcessTest, TheWorkingFolderIsAsGiven) {
  ChildSpec spec = puppet({"print-folder"});
  spec.working_folder = "/usr/bin";
  EXPECT_EQ(output_of(spec), "/usr/bin\n");
}

TEST(ChildProcessTest, TheChildLeadsItsOwnSession) {
  EXPECT_EQ(output_of(puppet({"print-group"})), "leader of its session\n");
}

TEST(ChildProcessTest, SignalsAreReset) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  EXPECT_EQ(output_of(puppet({"print-signals"})),
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGHUP, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

volatile std::sig_atomic_t handled = 0;

TEST(ChildProcessTest, HandlersAndMaskOfTheParentStay) {
  std::signal(SIGUSR2, [](int) { handled = 1; });
  EXPECT_EQ(output_of(puppet({"echo", "x"})), "x\n");
  ::raise(SIGUSR2);
  EXPECT_EQ(handled, 1);
  std::signal(SIGUSR2, SIG_DFL);
}

TEST(ChildProcessTest, ExitCodesAndSignalsAreToldApart) {
  EXPECT_EQ(end_of(puppet({"exit", "0"})).code, 0);
  EXPECT_EQ(end_of(puppet({"exit", "137"})).code, 137);
  const ExitStatus killed = end_of(puppet({"die-by-signal", "11"}));
  EXPECT_EQ(killed.signal, SIGSEGV);
  EXPECT_EQ(killed.code, std::nullopt);
}

TEST(ChildProcessTest, ARunningChildIsNotReaped) {
  auto child = ChildProcess::launch(puppet({"never-read"}));
  ASSERT_TRUE(child) << child.error();
  EXPECT_FALSE((*child)->try_reap());
}

TEST(ChildProcessTest, ReapingTwiceAndSignallingAfterwardsDoNothing) {
  auto child = ChildProcess::launch(puppet({"exit", "3"}));
  ASSERT_TRUE(child) << child.error();
  ASSERT_TRUE(becomes_readable((*child)->exit_fd()));
  EXPECT_EQ((*child)->try_reap()->exit.code, 3);
  EXPECT_FALSE((*child)->try_reap());
  (*child)->signal_tree(SIGKILL);
  EXPECT_TRUE(has_no_children());
}

TEST(ChildProcessTest, DroppingTheHandleKillsGrandchildren) {
  Fd out;
  {
    auto child = ChildProcess::launch(puppet({"keep-grandchild"}));
    ASSERT_TRUE(child) << child.error();
    out = std::move((*child)->pipes().out);
    ASSERT_EQ(read_line(out), "ready\n");
  }
  EXPECT_TRUE(reaches_eof(out));
  EXPECT_TRUE(has_no_children());
}

TEST(ChildProcessTest, ReapingKillsWhatTheLeaderLeft) {
  auto child = ChildProcess::launch(puppet({"leave-grandchild"}));
  ASSERT_TRUE(child) << child.error();
  const Fd out = std::move((*child)->pipes().out);
  ASSERT_TRUE(becomes_readable((*child)->exit_fd()));
  EXPECT_EQ((*child)->try_reap()->exit.code, 0);
  EXPECT_TRUE(reaches_eof(out));
}

TEST(ChildProcessTest, ASignalReachesTheProgram) {
  auto child = ChildProcess::launch(puppet({"obey-sigterm"}));
  ASSERT_TRUE(child) << child.error();
  const Fd out = std::move((*child)->pipes().out);
  ASSERT_EQ(read_line(out), "ready\n");
  (*child)->signal_tree(SIGTERM);
  ASSERT_TRUE(becomes_readable((*child)->exit_fd()));
  EXPECT_EQ((*child)->try_reap()->exit.code, 7);
}

// The wire: a daemon that is killed with SIGKILL leaves no child behind.
TEST(ChildProcessTest, TheChildDiesWithTheThreadThatLaunchedIt) {
  std::unique_ptr<RunningProcess> child;
  std::thread([&child] {
    auto launched = ChildProcess::launch(puppet({"ignore-sigterm"}));
    if (launched) child = *std::move(launched);
  }).join();
  ASSERT_TRUE(child);
  ASSERT_TRUE(becomes_readable(child->exit_fd()));
  EXPECT_EQ(child->try_reap()->exit.signal, SIGKILL);
}

TEST(ChildProcessTest, AMissingProgramIsSpawnFailed) {
  ChildSpec spec = puppet({});
  spec.program = "/no/such/program";
  const auto child = ChildProcess::launch(spec);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::spawn_failed);
  EXPECT_EQ(child.error().detail, "cannot execute /no/such/program: No such file or directory");
  EXPECT_TRUE(has_no_children());
}

TEST(ChildProcessTest, AFileThatIsNoProgramIsSpawnFailed) {
  ChildSpec spec = puppet({});
  spec.program = "/etc/passwd";
  const auto child = ChildProcess::launch(spec);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().detail, "cannot execute /etc/passwd: Permission denied");
}

TEST(ChildProcessTest, AMissingWorkingFolderIsNamed) {
  ChildSpec spec = puppet({"exit", "0"});
  spec.working_folder = "/no/such/folder";
  const auto child = ChildProcess::launch(spec);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().detail,
            "cannot enter the working folder /no/such/folder for " + spec.program + ": No such file or directory");
}

TEST(ChildProcessTest, AnEnvironmentTooLargeForTheKernelIsSpawnFailed) {
  ChildSpec spec = puppet({"exit", "0"});
  spec.environment = {"BIG=" + std::string(200'000, 'x')};
  const auto child = ChildProcess::launch(spec);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().detail, "cannot execute " + spec.program + ": Argument list too long");
}

TEST(ChildProcessTest, AZeroByteIsRefusedInsteadOfCuttingTheString) {
  const auto child = ChildProcess::launch(puppet({"echo", std::string("a\0b", 3)}));
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().detail, "argument 2 holds a zero byte");
  ChildSpec spec = puppet({"echo"});
  spec.environment = {std::string("SECRET=a\0b", 10)};
  EXPECT_EQ(ChildProcess::launch(spec).error().detail, "environment variable SECRET holds a zero byte");
}

TEST(ChildProcessTest, AnIgnoredSigchldIsRefused) {
  std::signal(SIGCHLD, SIG_IGN);
  const auto child = ChildProcess::launch(puppet({"exit", "0"}));
  std::signal(SIGCHLD, SIG_DFL);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().detail, "cannot start programs while SIGCHLD is ignored");
}

TEST(ChildProcessTest, AProcessWithoutStandardDescriptorsCanLaunch) {
  const Fd saved_in(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100));
  const Fd saved_out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100));
  ::close(STDIN_FILENO);
  ::close(STDOUT_FILENO);
  const std::string output = output_of(puppet({"echo", "x"}));
  ::dup2(saved_in.get(), STDIN_FILENO);
  ::dup2(saved_out.get(), STDOUT_FILENO);
  EXPECT_EQ(output, "x\n");
}

TEST(ChildProcessTest, LaunchesFromManyThreadsDoNotShareDescriptors) {
  const std::size_t before = open_descriptors();
  std::vector<int> good(4);
  {
    std::vector<std::jthread> threads;
    for (int& count : good) {
      threads.emplace_back([&count] {
        for (int i = 0; i < 25; ++i) count += output_of(puppet({"print-descriptors"})) == "0\n1\n2\n" ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(good, std::vector<int>(4, 25));
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(has_no_children());
}

}  // namespace
}  // namespace skillscale
