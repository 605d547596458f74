#include "os/supervised_run.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "os/wakeup.h"
#include "support/processes.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using End = RunOutcome::End;
using testing::has_no_children;
using testing::kDeadline;
using testing::open_descriptors;
using testing::puppet;
using testing::ReadyPipe;

constexpr RunLimits kGenerous{.timeout = kDeadline,
                              .kill_grace = kDeadline,
                              .drain_grace = kDeadline,
                              .stdout_bytes_max = 32 * limits::kMiB,
                              .stderr_bytes_max = 1 * limits::kMiB,
                              .flood_bytes_max = 64 * limits::kMiB};

RunLimits with_timeout(std::chrono::milliseconds timeout, std::chrono::milliseconds kill_grace = kDeadline) {
  RunLimits result = kGenerous;
  result.timeout = timeout;
  result.kill_grace = kill_grace;
  return result;
}

// Every test also shows that a run leaves no descriptor and no child behind,
// and that it ends well before the limits that are not what the test is about.
class SupervisedRunTest : public ::testing::Test {
 protected:
  ~SupervisedRunTest() override {
    EXPECT_EQ(open_descriptors(), descriptors_);
    EXPECT_TRUE(has_no_children());
    EXPECT_LT(std::chrono::steady_clock::now() - started_, kDeadline);
  }

  static RunOutcome run(const ChildSpec& spec, std::string_view input = {}, const RunLimits& limits = kGenerous,
                        int cancel_fd = -1) {
    auto outcome = run_supervised(spec, input, limits, cancel_fd);
    EXPECT_TRUE(outcome) << outcome.error();
    return *std::move(outcome);
  }

 private:
  const std::size_t descriptors_ = open_descriptors();
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

TEST_F(SupervisedRunTest, OutputAndExitCodeComeBack) {
  const RunOutcome outcome = run(puppet({"echo", "hello"}));
  EXPECT_EQ(outcome.end, End::exited);
  EXPECT_TRUE(outcome.exit.success());
  EXPECT_EQ(outcome.out.bytes, "hello\n");
  EXPECT_EQ(outcome.err.bytes, "");
  EXPECT_FALSE(outcome.out.truncated);
  EXPECT_GT(outcome.spawn_time, 0ns);
  EXPECT_GT(outcome.run_time, 0ns);
}

TEST_F(SupervisedRunTest, AFailureIsAnExitCode) {
  const RunOutcome outcome = run(puppet({"exit", "42"}));
  EXPECT_EQ(outcome.end, End::exited);
  EXPECT_EQ(outcome.exit.code, 42);
}

TEST_F(SupervisedRunTest, ACrashIsASignal) {
  const RunOutcome outcome = run(puppet({"die-by-signal", "6"}));
  EXPECT_EQ(outcome.end, End::exited);
  EXPECT_EQ(outcome.exit.signal, SIGABRT);
  EXPECT_EQ(outcome.exit.code, std::nullopt);
}

TEST_F(SupervisedRunTest, AProgramThatDoesNotStartIsAnError) {
  ChildSpec spec = puppet({});
  spec.program = "/no/such/program";
  const auto outcome = run_supervised(spec, "input", kGenerous, -1);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::spawn_failed);
}

TEST_F(SupervisedRunTest, EmptyInputIsEndOfFileAtOnce) { EXPECT_TRUE(run(puppet({"cat"})).exit.success()); }

TEST_F(SupervisedRunTest, TwentyMegabytesGoInAndOut) {
  std::string input(20'000'000, ' ');
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i * 31 >> 3);
  const RunOutcome outcome = run(puppet({"cat"}), input);
  EXPECT_TRUE(outcome.exit.success());
  EXPECT_TRUE(outcome.out.bytes == input);
}

TEST_F(SupervisedRunTest, AChildThatEndsWithoutReadingItsInputIsFine) {
  const RunOutcome outcome = run(puppet({"exit", "0"}), std::string(20'000'000, 'x'));
  EXPECT_EQ(outcome.end, End::exited);
  EXPECT_TRUE(outcome.exit.success());
}

TEST_F(SupervisedRunTest, AChildThatClosesItsInputIsFineAndSigpipeLeavesNoTrace) {
  const RunOutcome outcome = run(puppet({"close-stdin"}), std::string(20'000'000, 'x'));
  EXPECT_EQ(outcome.out.bytes, "closed\n");
  EXPECT_TRUE(outcome.exit.success());
  sigset_t set;
  sigpending(&set);
  EXPECT_EQ(sigismember(&set, SIGPIPE), 0);
  pthread_sigmask(SIG_SETMASK, nullptr, &set);
  EXPECT_EQ(sigismember(&set, SIGPIPE), 0);
}

TEST_F(SupervisedRunTest, AChildThatNeverReadsItsInputEndsByTheDeadline) {
  const RunOutcome outcome = run(puppet({"never-read"}), std::string(20'000'000, 'x'), with_timeout(100ms));
  EXPECT_EQ(outcome.end, End::timed_out);
  EXPECT_EQ(outcome.exit.signal, SIGTERM);
  EXPECT_GE(outcome.run_time, 100ms);
}

TEST_F(SupervisedRunTest, AStoppedRunMayCleanUp) {
  const ReadyPipe ready;
  const RunOutcome outcome = run(puppet({"obey-sigterm", ready.path()}), {}, kGenerous, ready.fd());
  EXPECT_EQ(outcome.end, End::cancelled);
  EXPECT_EQ(outcome.exit.code, 7);
  EXPECT_EQ(outcome.out.bytes, "ready\nbye\n");
}

TEST_F(SupervisedRunTest, AChildThatIgnoresSigtermIsKilledAfterTheGrace) {
  const ReadyPipe ready;
  const RunOutcome outcome =
      run(puppet({"ignore-sigterm", ready.path()}), {}, with_timeout(kDeadline, 100ms), ready.fd());
  EXPECT_EQ(outcome.end, End::cancelled);
  EXPECT_EQ(outcome.exit.signal, SIGKILL);
  EXPECT_GE(outcome.run_time, 100ms);
}

TEST_F(SupervisedRunTest, AStoppedChildEndsByTheDeadline) {
  const RunOutcome outcome = run(puppet({"stop-itself"}), {}, with_timeout(300ms));
  EXPECT_EQ(outcome.end, End::timed_out);
  EXPECT_EQ(outcome.exit.signal, SIGTERM);
}

TEST_F(SupervisedRunTest, AChildThatClosesItsOutputsIsStillWaitedFor) {
  const RunOutcome outcome = run(puppet({"close-outputs"}), {}, with_timeout(200ms));
  EXPECT_EQ(outcome.end, End::timed_out);
  EXPECT_GE(outcome.run_time, 200ms);
}

TEST_F(SupervisedRunTest, AGrandchildThatHoldsThePipesDiesWithItsLeader) {
  const RunOutcome outcome = run(puppet({"leave-grandchild"}));
  EXPECT_EQ(outcome.end, End::exited);
  EXPECT_TRUE(outcome.exit.success());
  EXPECT_EQ(outcome.out.bytes, "left\n");
}

// The grandchild is deaf to SIGTERM and holds both pipes: only its death lets the run end before the drain grace.
TEST_F(SupervisedRunTest, AStoppedLeaderTakesItsGrandchildWithIt) {
  const ReadyPipe ready;
  const RunOutcome outcome = run(puppet({"keep-grandchild", ready.path()}), {}, kGenerous, ready.fd());
  EXPECT_EQ(outcome.end, End::cancelled);
  EXPECT_EQ(outcome.exit.signal, SIGTERM);
  EXPECT_EQ(outcome.out.bytes, "ready\n");
}

TEST_F(SupervisedRunTest, PipesHeldByADaemonAreNotWaitedForBeyondTheGrace) {
  RunLimits limits = kGenerous;
  limits.drain_grace = 100ms;
  const auto started = std::chrono::steady_clock::now();
  const RunOutcome outcome = run(puppet({"leave-daemon", "10"}), {}, limits);
  EXPECT_LT(std::chrono::steady_clock::now() - started, 8s);
  EXPECT_EQ(outcome.end, End::exited);
  EXPECT_TRUE(outcome.exit.success());
}

TEST_F(SupervisedRunTest, TheFirstPartOfALongOutputIsKept) {
  RunLimits limits = kGenerous;
  limits.stdout_bytes_max = 10'000;
  const RunOutcome outcome = run(puppet({"flood", "1", "3000000"}), {}, limits);
  EXPECT_TRUE(outcome.exit.success());
  EXPECT_EQ(outcome.out.bytes, std::string(10'000, 'x'));
  EXPECT_TRUE(outcome.out.truncated);
}

TEST_F(SupervisedRunTest, OutputOfExactlyTheCapIsNotTruncated) {
  RunLimits limits = kGenerous;
  limits.stdout_bytes_max = 10'000;
  const RunOutcome outcome = run(puppet({"flood", "1", "10000"}), {}, limits);
  EXPECT_EQ(outcome.out.bytes.size(), 10'000U);
  EXPECT_FALSE(outcome.out.truncated);
}

TEST_F(SupervisedRunTest, TheLastPartOfStderrIsKeptToo) {
  RunLimits limits = kGenerous;
  limits.stderr_bytes_max = 100;
  const RunOutcome outcome = run(puppet({"flood", "2", "300000", "the last words"}), {}, limits);
  EXPECT_EQ(outcome.err.bytes, std::string(100, 'x'));
  EXPECT_TRUE(outcome.err.truncated);
  EXPECT_EQ(outcome.stderr_tail.size(), limits::kStderrTailBytes);
  EXPECT_TRUE(outcome.stderr_tail.ends_with("xthe last words"));
}

TEST_F(SupervisedRunTest, AnEndlessWriterIsKilled) {
  RunLimits limits = kGenerous;
  limits.stdout_bytes_max = limits.stderr_bytes_max = 1000;
  limits.flood_bytes_max = 1'000'000;
  for (const char* fd : {"1", "2"}) {
    const RunOutcome outcome = run(puppet({"flood", fd}), {}, limits);
    EXPECT_EQ(outcome.end, End::flooded);
    EXPECT_EQ(outcome.exit.signal, SIGKILL);
    EXPECT_EQ(outcome.out.bytes.size() + outcome.err.bytes.size(), 1000U);
  }
}

TEST_F(SupervisedRunTest, ARunIsCancelledFromAnotherThread) {
  Wakeup cancel;
  std::jthread canceller([&cancel] { cancel.notify(); });
  const RunOutcome outcome = run(puppet({"never-read"}), {}, kGenerous, cancel.fd());
  canceller.join();
  EXPECT_EQ(outcome.end, End::cancelled);
  EXPECT_EQ(outcome.exit.signal, SIGTERM);
}

TEST_F(SupervisedRunTest, ManyRunsAtOnceDoNotDisturbEachOther) {
  std::vector<int> good(4);
  {
    std::vector<std::jthread> threads;
    for (int& count : good) {
      threads.emplace_back([&count] {
        for (int i = 0; i < 25; ++i) {
          const std::string input(200'000, static_cast<char>('a' + i));
          count += run(puppet({"cat"}), input).out.bytes == input ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(good, std::vector<int>(4, 25));
}

}  // namespace
}  // namespace skillscale
