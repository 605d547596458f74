// A feed between a real child and whoever takes, or does not take, what it tells.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "os/supervised_run.h"
#include "skill-server/run_feed.h"
#include "support/processes.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFlood = 100 * limits::kMiB;

ChildSpec shell(const std::string& script) {
  ChildSpec spec;
  spec.program = "/bin/sh";
  spec.argv = {"sh", "-c", script};
  spec.environment = {"PATH=/usr/bin:/bin", "SKILLSCALE_EVENTS_FD=3"};
  spec.working_folder = "/";
  spec.events = true;
  return spec;
}

ChildSpec flood() { return shell("exec head -c " + std::to_string(kFlood) + " /dev/zero"); }

RunLimits bounds(std::chrono::milliseconds timeout) {
  return {.timeout = timeout,
          .kill_grace = 100ms,
          .drain_grace = limits::kPipeDrainGrace,
          .stdout_bytes_max = 2 * kFlood,
          .stderr_bytes_max = 2 * kFlood,
          .flood_bytes_max = 2 * kFlood};
}

// Takes from the feed on a thread of its own until it is stopped, and counts.
class Taker {
 public:
  explicit Taker(RunFeed& feed) : feed_(feed), thread_([this](const std::stop_token& stop) { run(stop); }) {}

  std::size_t bytes() const { return bytes_; }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto batch = feed_.take(std::chrono::steady_clock::now());
      for (const Event& event : batch.events) bytes_ += event.data.size();
      feed_.budget()->give_back(batch.bytes);
      if (batch.events.empty()) std::this_thread::yield();
    }
  }

  RunFeed& feed_;
  std::atomic<std::size_t> bytes_ = 0;
  std::jthread thread_;
};

std::size_t rest_of(RunFeed& feed) {
  std::size_t bytes = 0;
  for (const Event& event : feed.take_rest().events) bytes += event.data.size();
  return bytes;
}

TEST(RunFeedChildTest, AChildWhoseEventsNobodyTakesWaitsUntilItsTimeIsUp) {
  Wakeup ready;
  RunFeed feed("r", {}, ready);
  const auto outcome = run_supervised(flood(), "", bounds(500ms), -1, &feed);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end, RunOutcome::End::timed_out);
  // The bound, one read past it, and what the pipe still held.
  EXPECT_LT(outcome->out_bytes_total, limits::kEventBytesInFlightMax + 4 * limits::kPipeReadBytes);
  EXPECT_EQ(feed.budget()->holds(), 1U);
  EXPECT_EQ(rest_of(feed), outcome->out_bytes_total) << "what it wrote is told in the end";
}

TEST(RunFeedChildTest, AHeldBackChildGoesOnWhenThereIsRoomAgainAndEveryByteIsTold) {
  Wakeup ready;
  RunFeed feed("r", {}, ready);
  std::optional<Taker> taker;
  std::jthread opener([&] {
    while (feed.budget()->holds() == 0) std::this_thread::yield();
    taker.emplace(feed);
  });
  const auto outcome = run_supervised(flood(), "", bounds(testing::kDeadline), -1, &feed);
  opener.join();
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end, RunOutcome::End::exited);
  EXPECT_EQ(outcome->out_bytes_total, kFlood);
  taker->stop();
  EXPECT_EQ(taker->bytes() + rest_of(feed), kFlood);
}

TEST(RunFeedChildTest, LinesOfTheEventsDescriptorBecomeProgress) {
  Wakeup ready;
  RunFeed feed("r", {}, ready);
  const auto outcome = run_supervised(shell("echo '{\"progress\": 0.5, \"message\": \"half\"}' >&3; echo rubbish >&3; "
                                            "head -c 100000 /dev/zero >&3; echo >&3; printf '{\"progress\": 1}' >&3"),
                                      "", bounds(testing::kDeadline), -1, &feed);
  ASSERT_TRUE(outcome) << outcome.error();
  const auto rest = feed.take_rest();
  ASSERT_EQ(rest.events.size(), 2U);
  EXPECT_EQ(rest.events[0].message, "half");
  EXPECT_EQ(rest.events[1].progress, 1);
  EXPECT_EQ(feed.lines_dropped(), 2U);
}

}  // namespace
}  // namespace skillscale
