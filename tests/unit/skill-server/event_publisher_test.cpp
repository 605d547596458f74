// Who is told what, in which order, under which number.
#include "skill-server/event_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A proxy that can be full.
class Outlet final : public EventOutlet {
 public:
  std::vector<EventTarget> event_targets(RunId /*run*/) const override { return targets; }
  bool try_send_event(std::size_t link, std::string_view topic, zmq::message_t& event) override {
    if (full) return false;
    add(sent, link, topic, event);
    zmq::message_t kept;
    kept.move(event);
    messages.push_back(std::move(kept));
    return true;
  }
  bool queue_event(std::size_t link, std::string_view topic, const zmq::message_t& event) override {
    if (queue_full) return false;
    add(queued, link, topic, event);
    return true;
  }

  std::vector<EventTarget> targets{target(0, "r", "A")};
  std::vector<std::string> sent;
  std::vector<std::string> queued;
  std::vector<zmq::message_t> messages;  // As libzmq holds them until they are written.
  bool full = false;
  bool queue_full = false;

  static EventTarget target(std::size_t link, const std::string& request, const std::string& topic) {
    return {.link = link, .address = {.request_id = request, .reply_to = topic}, .attempt = 1};
  }

 private:
  static void add(std::vector<std::string>& list, std::size_t link, std::string_view topic,
                  const zmq::message_t& message) {
    const auto event = decode_event(message.to_string_view());
    ASSERT_TRUE(event) << event.error();
    EXPECT_EQ(event->server, "me");
    list.push_back(std::to_string(link) + std::string(topic) + " " + event->request_id + " " +
                   std::to_string(event->seq) + " " + std::string(name_of(event->kind)) +
                   (event->data.empty() ? "" : " " + event->data.substr(0, 10)) + event->path);
  }
};

class EventPublisherTest : public ::testing::Test {
 protected:
  std::shared_ptr<RunObserver> start() {
    Intent intent;
    intent.address = {"r", "A"};
    return publisher_.start(1, intent);
  }
  void pump() { publisher_.pump(now_ += limits::kEventCollectTime); }
  Reply finish(Reply reply = {}) {
    publisher_.finish(1, reply);
    return reply;
  }
  std::vector<std::string> sent() { return std::exchange(outlet_.sent, {}); }

  prometheus::Registry registry_;
  EventMetrics metrics_{registry_};
  Outlet outlet_;
  SteadyTime now_{1000h};
  EventPublisher publisher_{"me", outlet_, metrics_};
};

TEST_F(EventPublisherTest, ARunIsToldInOrderFromItsAcceptanceToItsFiles) {
  publisher_.accepted(outlet_.targets[0]);
  const auto run = start();
  run->on_output(OutputStream::out, "hello");
  pump();
  run->on_output(OutputStream::err, "oh");
  Reply reply;
  reply.artifacts.push_back({.path = "a.txt", .mime = "text/plain", .sha256 = std::string(64, '0'), .content = "x"});
  EXPECT_EQ(finish(reply).last_seq, 4U);
  EXPECT_THAT(sent(), ElementsAre("0A r 0 accepted", "0A r 1 started", "0A r 2 stdout hello", "0A r 3 stderr oh",
                                  "0A r 4 artifacta.txt"));
}

TEST_F(EventPublisherTest, ARunThatNobodyWatchesIsLeftAlone) {
  EXPECT_FALSE(finish().last_seq);
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_FALSE(publisher_.next_due(now_));
}

TEST_F(EventPublisherTest, EachAgentIsToldUnderItsOwnRequest) {
  const auto run = start();
  outlet_.targets.push_back(Outlet::target(1, "s", "B"));
  run->on_output(OutputStream::out, "x");
  pump();
  EXPECT_THAT(sent(), ElementsAre("0A r 1 started", "0A r 2 stdout x", "1B s 2 stdout x"));
}

TEST_F(EventPublisherTest, AFullProxyHoldsTheRunBackAndGetsEverythingInOrderLater) {
  const auto run = start();
  outlet_.full = true;
  while (run->has_room()) {
    run->on_output(OutputStream::out, std::string(limits::kPipeReadBytes, 'x'));
    pump();
  }
  EXPECT_LE(sent().size(), 1U);
  EXPECT_EQ(publisher_.next_due(now_), now_ + limits::kReplyRetryInterval);
  outlet_.full = false;
  pump();
  pump();
  EXPECT_FALSE(run->has_room()) << "libzmq has not written them";
  outlet_.messages.clear();
  EXPECT_TRUE(run->has_room());
  const auto last = finish().last_seq;
  ASSERT_TRUE(last);
  const auto all = sent();
  ASSERT_EQ(all.size(), *last - 1);
  for (std::size_t n = 0; n < all.size(); ++n) {
    EXPECT_EQ(all[n], "0A r " + std::to_string(n + 2) + " stdout xxxxxxxxxx");
  }
}

TEST_F(EventPublisherTest, WhatAFullProxyDidNotTakeIsQueuedBeforeTheReply) {
  const auto run = start();
  outlet_.full = true;
  run->on_output(OutputStream::out, "x");
  pump();
  EXPECT_EQ(finish().last_seq, 2U);
  EXPECT_THAT(outlet_.queued, ElementsAre("0A r 2 stdout x"));
}

TEST_F(EventPublisherTest, EventsForNobodyAreNumberedAndGone) {
  const auto run = start();
  outlet_.targets.clear();
  run->on_output(OutputStream::out, std::string(limits::kEventBytesInFlightMax, 'x'));
  pump();
  EXPECT_TRUE(run->has_room());
  outlet_.targets.push_back(Outlet::target(1, "r", "A"));
  run->on_output(OutputStream::out, "y");
  pump();
  const auto last = finish().last_seq;
  EXPECT_THAT(sent(), ElementsAre("0A r 1 started", "1A r " + std::to_string(last.value()) + " stdout y"));
}

TEST_F(EventPublisherTest, ALostProxyDoesNotHoldTheRunBack) {
  const auto run = start();
  run->on_output(OutputStream::out, std::string(limits::kEventBytesInFlightMax, 'x'));
  pump();
  EXPECT_FALSE(run->has_room());
  publisher_.connection_lost(0);
  EXPECT_TRUE(run->has_room());
}

TEST_F(EventPublisherTest, AReplyDoesNotWaitForAQueueThatIsFull) {
  const auto run = start();
  outlet_.full = outlet_.queue_full = true;
  run->on_output(OutputStream::out, "x");
  pump();
  EXPECT_EQ(finish().last_seq, 2U) << "the gap tells the agent";
}

}  // namespace
}  // namespace skillscale
