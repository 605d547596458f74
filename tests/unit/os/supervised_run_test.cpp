#include "os/supervised_run.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
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

const RunLimits kGenerous{.timeout = kDeadline,
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

// Has room for so much, and for more when told.
class TestObserver final : public RunObserver {
 public:
  explicit TestObserver(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  void on_output(OutputStream stream, std::string_view bytes) override {
    (stream == OutputStream::out ? out : err) += bytes;
  }
  void on_event_line(std::string_view line) override { lines.emplace_back(line); }
  bool has_room() override { return out.size() + lines.size() < bytes_max_; }
  int room_fd() const noexcept override { return room_.fd(); }

  std::string out, err;
  std::vector<std::string> lines;

 private:
  const std::size_t bytes_max_;
  Wakeup room_;
};

constexpr std::size_t kPlenty = 100'000'000;

TEST_F(SupervisedRunTest, EventLinesGoToTheObserver) {
  ChildSpec spec = puppet({"write-to", "3", "one\n\ntwo\n" + std::string(100, 'x') + "\nlast"});
  spec.events = true;
  RunLimits limits = kGenerous;
  limits.event_line_bytes_max = 50;
  TestObserver observer(kPlenty);
  const auto outcome = run_supervised(spec, {}, limits, -1, &observer);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(observer.lines, (std::vector<std::string>{"one", "two", "last"}));
  EXPECT_EQ(outcome->event_lines_dropped, 1U);
}

TEST_F(SupervisedRunTest, TheResultComesOnItsOwnDescriptor) {
  ChildSpec spec = puppet({"write-to", "4", "{}"});
  spec.result = true;
  RunLimits limits = kGenerous;
  limits.result_bytes_max = 2;
  EXPECT_EQ(run(spec, {}, limits).result.bytes, "{}");
  limits.result_bytes_max = 1;
  EXPECT_EQ(run(spec, {}, limits).end, End::flooded);
}

TEST_F(SupervisedRunTest, TheObserverSeesTheOutput) {
  TestObserver observer(kPlenty);
  const auto outcome = run_supervised(puppet({"echo", "hello"}), {}, kGenerous, -1, &observer);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(observer.out, "hello\n");
  EXPECT_EQ(outcome->out_bytes_total, 6U);
}

TEST_F(SupervisedRunTest, AChildWaitsWhileTheObserverHasNoRoomAndTheDeadlineCounts) {
  RunLimits limits = with_timeout(300ms, 0ms);
  limits.drain_grace = 100ms;
  TestObserver observer(1);
  const auto outcome = run_supervised(puppet({"flood", "1", "30000000"}), {}, limits, -1, &observer);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end, End::timed_out);
  EXPECT_LT(observer.out.size(), 1'000'000U);
}

TEST_F(SupervisedRunTest, WhatTheObserverHadNoRoomForIsInTheOutputAllTheSame) {
  TestObserver observer(0);
  RunLimits limits = kGenerous;
  limits.drain_grace = 100ms;
  const auto outcome = run_supervised(puppet({"echo", "hello"}), {}, limits, -1, &observer);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(observer.out, "hello\n") << "it is told once the run is over";
  EXPECT_EQ(outcome->out.bytes, "hello\n");
}

TEST_F(SupervisedRunTest, AHogIsKilled) {
  RunLimits limits = kGenerous;
  limits.tree_memory_bytes_max = 64 * limits::kMiB;
  const RunOutcome outcome = run(puppet({"use-memory", "100"}), {}, limits);
  EXPECT_EQ(outcome.end, End::out_of_memory);
  EXPECT_EQ(outcome.exit.signal, SIGKILL);
}

TEST_F(SupervisedRunTest, TooManyProcessesAreKilled) {
  RunLimits limits = kGenerous;
  limits.processes_max = 10;
  EXPECT_EQ(run(puppet({"fork-children", "20"}), {}, limits).end, End::too_many_processes);
}

TEST_F(SupervisedRunTest, AFolderThatGrowsTooLargeEndsTheRun) {
  const ReadyPipe folder;  // Its folder will do.
  RunLimits limits = kGenerous;
  limits.folder_files_max = 10;
  limits.folder = std::filesystem::path(folder.path()).parent_path();
  ChildSpec spec = puppet({"make-files", "20"});
  spec.working_folder = limits.folder;
  EXPECT_EQ(run(spec, {}, limits).end, End::folder_too_large);
}

TEST_F(SupervisedRunTest, ProcessorTimeIsMeasuredAndLimited) {
  Confinement confinement;
  confinement.limits.cpu = 1s;
  ChildSpec spec = puppet({"burn"});
  spec.confinement = &confinement;
  const RunOutcome outcome = run(spec);
  EXPECT_EQ(outcome.end, End::timed_out);
  EXPECT_TRUE(outcome.cpu_limit);
  EXPECT_GE(outcome.usage.cpu, 900ms);
}

TEST_F(SupervisedRunTest, LimitsAndPrivilegesAreAsTheConfinementSays) {
  Confinement confinement;
  confinement.limits = {.memory_bytes = 1U << 30U, .cpu = 7s, .file_bytes = 1000, .open_files = 50};
  confinement.drop_capabilities = confinement.no_new_privileges = true;
  ChildSpec spec = puppet({"print-limits"});
  spec.confinement = &confinement;
  EXPECT_EQ(run(spec).out.bytes, "0 1073741824 7 1000 50 \n");
  spec.argv.back() = "print-privileges";
  const std::string text = run(spec).out.bytes;
  EXPECT_NE(text.find("NoNewPrivs:\t1"), std::string::npos) << text;
  EXPECT_NE(text.find("CapInh:\t0000000000000000"), std::string::npos) << text;
  EXPECT_NE(text.find(::geteuid() == 0 ? "CapEff:\t000000000000001b" : "CapEff:\t0000000000000000"), std::string::npos)
      << text;
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
