// What a run tells, collected: nothing is lost, nothing is cut inside a character, small writes share a message.
#include "skill-server/run_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/utf8.h"
#include "support/processes.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class RunFeedTest : public ::testing::Test {
 protected:
  RunFeed::Batch take_later() {
    now_ += limits::kEventCollectTime;
    return take();
  }
  RunFeed::Batch take() {
    RunFeed::Batch batch = feed_.take(now_);
    feed_.budget()->give_back(batch.bytes);
    return batch;
  }
  bool is_woken() {
    const bool woken = testing::becomes_readable(ready_.fd(), 0ms);
    ready_.clear();
    return woken;
  }
  static std::string data_of(const RunFeed::Batch& batch, EventKind kind) {
    std::string data;
    for (const Event& event : batch.events) data += event.kind == kind ? event.data : "";
    return data;
  }

  Wakeup ready_;
  SteadyTime now_{1000h};
  RunFeed feed_{"r", {}, ready_};
};

TEST_F(RunFeedTest, TheFirstOutputGoesAtOnceAndWhatFollowsIsCollected) {
  feed_.on_output(OutputStream::out, "a");
  EXPECT_TRUE(is_woken());
  EXPECT_EQ(data_of(take(), EventKind::out), "a");
  for (int byte = 0; byte < 100; ++byte) feed_.on_output(OutputStream::out, "b");
  EXPECT_TRUE(is_woken());
  EXPECT_TRUE(take().events.empty());
  EXPECT_EQ(feed_.next_due(), now_ + limits::kEventCollectTime);
  const auto batch = take_later();
  ASSERT_EQ(batch.events.size(), 1U);
  EXPECT_EQ(batch.events[0].data, std::string(100, 'b'));
  EXPECT_FALSE(feed_.next_due());
  EXPECT_EQ(feed_.budget()->bytes(), 0U);
}

TEST_F(RunFeedTest, AFullChunkNeedNotWait) {
  feed_.on_output(OutputStream::out, "x");
  take();
  feed_.on_output(OutputStream::out, std::string(3 * limits::kEventChunkBytesMax, 'y'));
  EXPECT_EQ(feed_.next_due(), now_);
  const auto batch = take();
  EXPECT_EQ(data_of(batch, EventKind::out).size(), 3 * limits::kEventChunkBytesMax);
  for (const Event& event : batch.events) EXPECT_LE(event.data.size(), limits::kEventChunkBytesMax);
}

TEST_F(RunFeedTest, TwoStreamsThatAlternateCostTwoEvents) {
  for (int n = 0; n < 1000; ++n) {
    feed_.on_output(OutputStream::out, "o");
    feed_.on_output(OutputStream::err, "e");
  }
  const auto batch = take();
  ASSERT_EQ(batch.events.size(), 2U);
  EXPECT_EQ(batch.events[0].data, std::string(1000, 'o'));
  EXPECT_EQ(batch.events[1].data, std::string(1000, 'e'));
}

TEST_F(RunFeedTest, ACharacterIsNeverSplit) {
  const std::string text = "a€é\xf0\x9f\x98\x80z";
  std::string told;
  for (const char byte : text) {
    feed_.on_output(OutputStream::out, {&byte, 1});
    for (const Event& event : take_later().events) {
      EXPECT_TRUE(is_valid_utf8(event.data)) << event.data;
      EXPECT_FALSE(event.data.empty());
      told += event.data;
    }
  }
  EXPECT_EQ(told, text);
  EXPECT_TRUE(feed_.take_rest().events.empty());
}

TEST_F(RunFeedTest, ACharacterThatIsNeverCompletedComesWithTheRest) {
  feed_.on_output(OutputStream::out, "a\xe2\x82");
  EXPECT_EQ(data_of(take(), EventKind::out), "a");
  feed_.on_output(OutputStream::err, "\xff\xc3");
  const auto rest = feed_.take_rest();
  EXPECT_EQ(data_of(rest, EventKind::out), "\xe2\x82");
  EXPECT_EQ(data_of(rest, EventKind::err), "\xff\xc3");
}

TEST_F(RunFeedTest, WhateverIsWrittenComesOutByteByByte) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 engine(seed);
    const auto below = [&engine](std::size_t bound) {
      return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine);
    };
    RunFeed feed("r", {}, ready_);
    std::string in[2], out[2];
    const auto add = [&out](const RunFeed::Batch& batch) {
      for (const Event& event : batch.events) {
        ASSERT_LE(event.data.size(), limits::kEventChunkBytesMax);
        out[event.kind == EventKind::out ? 0 : 1] += event.data;
      }
    };
    for (int turn = 0; turn < 30; ++turn) {
      std::string bytes;
      for (std::size_t left = below(below(10) == 0 ? 40000 : 20); left > 0; --left) {
        bytes += below(3) == 0 ? "€" : std::string(1, static_cast<char>(below(256)));
      }
      const std::size_t stream = below(2);
      in[stream] += bytes;
      feed.on_output(stream == 0 ? OutputStream::out : OutputStream::err, bytes);
      now_ += std::chrono::milliseconds(below(30));
      add(feed.take(now_));
    }
    add(feed.take_rest());
    ASSERT_EQ(out[0], in[0]) << "seed " << seed;
    ASSERT_EQ(out[1], in[1]) << "seed " << seed;
  }
}

TEST_F(RunFeedTest, ProgressStandsWhereItHappened) {
  feed_.on_output(OutputStream::out, "one");
  feed_.on_event_line(R"({"progress":0.5,"message":"half"})");
  feed_.on_event_line(R"({"progress":1})");
  const auto batch = take();
  ASSERT_EQ(batch.events.size(), 3U);
  EXPECT_EQ(batch.events[1].progress, 0.5);
  EXPECT_EQ(batch.events[1].message, "half");
  EXPECT_EQ(batch.events[2].progress, 1);
}

TEST_F(RunFeedTest, OfAFloodOfProgressTheNewestIsKept) {
  for (int line = 0; line <= 10000; ++line) {
    feed_.on_event_line(R"({"progress":)" + std::to_string(line / 10000.0) + "}");
  }
  const auto batch = take();
  EXPECT_EQ(batch.events.size(), limits::kEventProgressBurstMax);
  EXPECT_EQ(batch.events.back().progress, 1);
}

TEST_F(RunFeedTest, WhatIsNoProgressIsCountedAndDropped) {
  for (const auto line : {"", "working", "{\"progress\":40}", "{\"message\":\"x\"}", "\xff"}) feed_.on_event_line(line);
  EXPECT_TRUE(take().events.empty());
  EXPECT_EQ(feed_.lines_dropped(), 5U);
  EXPECT_FALSE(is_woken());
}

TEST_F(RunFeedTest, PastTheBoundThereIsNoRoomUntilEventsHaveLeft) {
  feed_.on_output(OutputStream::out, std::string(limits::kEventBytesInFlightMax, 'x'));
  EXPECT_FALSE(feed_.has_room());
  const RunFeed::Batch batch = feed_.take(now_);
  EXPECT_FALSE(feed_.has_room()) << "taken is not sent";
  feed_.budget()->give_back(batch.bytes);
  EXPECT_TRUE(testing::becomes_readable(feed_.room_fd(), 0ms));
  EXPECT_TRUE(feed_.has_room());
}

TEST_F(RunFeedTest, EmptyWritesOfOneByteFillTheBudgetToo) {
  std::size_t lines = 0;
  for (; feed_.has_room(); ++lines) {
    feed_.on_event_line(R"({"progress":0.5})");
    feed_.take(now_ += limits::kEventCollectTime);
  }
  EXPECT_LE(lines, limits::kEventBytesInFlightMax / limits::kEventOverheadBytes);
}

TEST_F(RunFeedTest, ACredentialIsInNoEventHoweverItIsWritten) {
  const std::string secret = "s3cret-token-123";
  for (std::size_t cut = 0; cut <= secret.size(); ++cut) {
    RunFeed feed("r", {{"API_TOKEN", secret}}, ready_);
    std::string told;
    const auto add = [&told](const RunFeed::Batch& batch) {
      for (const Event& event : batch.events) told += event.data + event.message;
    };
    feed.on_output(OutputStream::out, "key=" + secret.substr(0, cut));
    add(feed.take(now_ += limits::kEventCollectTime));
    EXPECT_THAT(told, Not(HasSubstr("s3"))) << cut;
    feed.on_output(OutputStream::out, secret.substr(cut) + " end s3cret-tok");
    feed.on_event_line(R"({"progress":0,"message":"with s3cret-token-123"})");
    add(feed.take(now_ += limits::kEventCollectTime));
    add(feed.take_rest());
    EXPECT_THAT(told, Not(HasSubstr(secret))) << cut;
    EXPECT_THAT(told, HasSubstr("key=[API_TOKEN] end ")) << cut;
    EXPECT_THAT(told, HasSubstr("s3cret-tok")) << "what only began like it is told in the end";
  }
}

TEST_F(RunFeedTest, WithManyCredentialsThereIsNoOutput) {
  RunFeed feed("r", {{"BIG", std::string(limits::kEventSecretBytesMax + 1, 'x')}}, ready_);
  feed.on_output(OutputStream::out, "hello");
  feed.on_event_line(R"({"progress":1})");
  const auto rest = feed.take_rest();
  ASSERT_EQ(rest.events.size(), 1U);
  EXPECT_EQ(rest.events[0].kind, EventKind::progress);
}

}  // namespace
}  // namespace skillscale
