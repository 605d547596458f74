// One client, one proxy: what a run tells before its reply.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "fake_fabric.h"
#include "protocol/codec.h"
#include "protocol/event.h"

namespace skillscale::agent::test {
namespace {

constexpr const char* kTopic = "TOPIC_TEST";

Message event(const SeenIntent& intent, EventKind kind, std::uint64_t seq, const std::string& data = {}) {
  skillscale::Event made;
  made.request_id = intent.request_id;
  made.kind = kind;
  made.seq = seq;
  made.server = "server";
  made.data = data;
  return {intent.reply_to, encode_event(made)};
}

Message last(const SeenIntent& intent, std::uint64_t last_seq) {
  skillscale::Reply reply;
  reply.request_id = intent.request_id;
  reply.success = true;
  reply.server = "server";
  reply.last_seq = last_seq;
  return {intent.reply_to, encode_reply(reply)};
}

// accepted, started, `lines` events of output, the reply.
FakeFabric::Skill talk(std::uint64_t lines) {
  return [lines](const SeenIntent& intent) {
    std::vector<Message> told{event(intent, EventKind::accepted, 0), event(intent, EventKind::started, 1)};
    for (std::uint64_t line = 0; line < lines; ++line) {
      told.push_back(event(intent, EventKind::out, 2 + line, "line " + std::to_string(line)));
    }
    told.push_back(last(intent, 1 + lines));
    return told;
  };
}

std::string text_of(const Event& event) {
  return std::to_string(event.seq) + ":" + std::to_string(static_cast<int>(event.kind)) + ":" + event.data +
         (event.missed > 0 ? " missed " + std::to_string(event.missed) : "");
}

TEST(ClientEventsTest, EventsComeInOrderBeforeTheReply) {
  FakeFabric fabric(talk(3));
  Client client(options_for({&fabric}));
  std::vector<std::string> told;
  const auto pending = client.publish(
      kTopic, "talk", {}, [&told](const Reply&) { told.emplace_back("reply"); },
      [&told](const Event& event) { told.push_back(text_of(event)); });
  const Reply& reply = pending.get();
  EXPECT_TRUE(reply.success);
  EXPECT_EQ(reply.last_seq, 4U);
  EXPECT_EQ(reply.events_missed, 0U);
  client.collect_garbage(1h);  // The I/O thread has called the callbacks when it answers.
  EXPECT_EQ(told, (std::vector<std::string>{"0:0:", "1:1:", "2:2:line 0", "3:2:line 1", "4:2:line 2", "reply"}));
  EXPECT_EQ(client.statistics().events, 5U);
  EXPECT_EQ(client.statistics().events_ignored, 0U);
  EXPECT_EQ(client.statistics().malformed, 0U);
}

TEST(ClientEventsTest, OnlyAnIntentWithOnEventAsksForEvents) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  EXPECT_TRUE(client.publish(kTopic, "a").get().success);
  EXPECT_TRUE(client.publish(kTopic, "b", {}, {}, [](const Event&) {}).get().success);
  const auto seen = fabric.intents();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_FALSE(seen[0].stream);
  EXPECT_TRUE(seen[1].stream);
}

TEST(ClientEventsTest, AnEventHasItsParts) {
  FakeFabric fabric([](const SeenIntent& intent) {
    skillscale::Event progress;
    progress.request_id = intent.request_id;
    progress.kind = EventKind::progress;
    progress.progress = 0.25;
    progress.message = "a quarter";
    progress.attempt = 3;
    skillscale::Event artifact;
    artifact.request_id = intent.request_id;
    artifact.kind = EventKind::artifact;
    artifact.seq = 1;
    artifact.attempt = 3;
    artifact.path = "a/b.csv";
    artifact.mime = "text/csv";
    artifact.size = 12;
    artifact.sha256 = std::string(64, 'f');
    return std::vector<Message>{
        {intent.reply_to, encode_event(progress)}, {intent.reply_to, encode_event(artifact)}, last(intent, 1)};
  });
  Client client(options_for({&fabric}));
  std::vector<Event> told;
  const auto reply = client.publish(kTopic, "x", {}, {}, [&told](const Event& one) { told.push_back(one); }).get();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].kind, Event::Kind::progress);
  EXPECT_EQ(told[0].progress, 0.25);
  EXPECT_EQ(told[0].message, "a quarter");
  EXPECT_EQ(told[0].attempt, 3U);
  EXPECT_EQ(told[1].path, "a/b.csv");
  EXPECT_EQ(told[1].mime, "text/csv");
  EXPECT_EQ(told[1].size, 12U);
  EXPECT_EQ(told[1].sha256, std::string(64, 'f'));
  EXPECT_NE(told[1].json.find("\"event\":\"artifact\""), std::string::npos);
}

TEST(ClientEventsTest, GapsAndRepeatsAreSeen) {
  FakeFabric fabric([](const SeenIntent& intent) {
    return std::vector<Message>{event(intent, EventKind::accepted, 0), event(intent, EventKind::out, 3, "late"),
                                event(intent, EventKind::out, 3, "late"), last(intent, 6)};
  });
  Client client(options_for({&fabric}));
  std::vector<std::string> told;
  const auto reply =
      client.publish(kTopic, "x", {}, {}, [&told](const Event& one) { told.push_back(text_of(one)); }).get();
  EXPECT_EQ(told, (std::vector<std::string>{"0:0:", "3:2:late missed 2"}));
  EXPECT_EQ(reply.events_missed, 5U);
  EXPECT_EQ(client.statistics().events_missed, 5U);
  EXPECT_EQ(client.statistics().events_ignored, 1U);
}

TEST(ClientEventsTest, EventsThatNobodyWaitsForAreCounted) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  const auto first = client.publish(kTopic, "x");
  EXPECT_TRUE(first.get().success);
  const SeenIntent seen = fabric.intents().at(0);
  SeenIntent stranger = seen;
  stranger.request_id = "nobody";
  fabric.publish(event(seen, EventKind::out, 2, "too late"));
  fabric.publish(event(stranger, EventKind::out, 2, "unknown"));
  fabric.publish({seen.reply_to, R"({"request_id":"x","event":"stdout","seq":-1,"data":""})"});
  EXPECT_TRUE(client.publish(kTopic, "settle").get().success);
  EXPECT_EQ(client.statistics().events_ignored, 2U);
  EXPECT_EQ(client.statistics().malformed, 1U);
}

TEST(ClientEventsTest, RespondCallsThemOnTheCallersThread) {
  FakeFabric fabric(talk(10));
  auto options = options_for({&fabric});
  options.callbacks = CallbackThread::caller;
  Client client(std::move(options));
  const auto caller = std::this_thread::get_id();
  std::vector<std::string> told;
  bool replied = false;
  client.publish(
      kTopic, "talk", {}, [&replied](const Reply&) { replied = true; },
      [&](const Event& one) {
        EXPECT_FALSE(replied);
        EXPECT_EQ(std::this_thread::get_id(), caller);
        told.push_back(text_of(one));
      });
  while (!replied) ASSERT_GT(client.respond(kPatience), 0U);
  EXPECT_EQ(told.size(), 12U);
}

TEST(ClientEventsTest, WhoDoesNotRespondMissesEventsButNotTheReply) {
  const std::string big(64 * limits::kKiB, 'x');
  const std::uint64_t count = limits::kAgentEventBytesMax / big.size() * 5 / 4;
  FakeFabric fabric([&](const SeenIntent& intent) {
    std::vector<Message> told;
    for (std::uint64_t seq = 0; seq < count; ++seq) told.push_back(event(intent, EventKind::out, seq, big));
    told.push_back(last(intent, count - 1));
    return told;
  });
  auto options = options_for({&fabric});
  options.callbacks = CallbackThread::caller;
  Client client(std::move(options));
  std::uint64_t told = 0;
  bool replied = false;
  const auto pending = client.publish(
      kTopic, "flood", {}, [&replied](const Reply&) { replied = true; }, [&told](const Event&) { ++told; });
  ASSERT_TRUE(pending.wait_for(kPatience));
  EXPECT_EQ(told, 0U);
  while (!replied) ASSERT_GT(client.respond(kPatience), 0U);
  EXPECT_GT(told, 10U);
  EXPECT_LT(told * big.size(), limits::kAgentEventBytesMax);
  EXPECT_EQ(pending.get().events_missed, count - told);
}

}  // namespace
}  // namespace skillscale::agent::test
