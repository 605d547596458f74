// Proxies that go and come back.
#include <gtest/gtest.h>

#include <algorithm>

#include "fake_fabric.h"

namespace skillscale::agent::test {
namespace {

constexpr const char* kTopic = "TOPIC_TEST";

// Is silent to what comes the first time, and answers what is sent again.
std::vector<Message> answer_when_resent(const SeenIntent& intent) {
  return intent.resent ? echo(intent) : silence(intent);
}

TEST(FailoverTest, UnansweredIntentsAreSentAgainWhenTheProxyIsBack) {
  FakeFabric fabric(answer_when_resent);
  Client client(options_for({&fabric}));
  std::vector<PendingReply> pending;
  pending.reserve(5);
  for (int index = 0; index < 5; ++index) pending.push_back(client.publish(kTopic, std::to_string(index)));
  ASSERT_TRUE(fabric.sees_intents(5));
  fabric.kill();
  fabric.start();
  for (int index = 0; index < 5; ++index) {
    EXPECT_EQ(pending[static_cast<std::size_t>(index)].get().content, std::to_string(index));
  }

  const auto seen = fabric.intents();
  ASSERT_EQ(seen.size(), 10U);
  for (std::size_t index = 0; index < 5; ++index) {
    EXPECT_FALSE(seen[index].resent);
    EXPECT_TRUE(seen[index + 5].resent);
    EXPECT_EQ(seen[index + 5].request_id, pending[index].request_id()) << "in the order of publishing";
  }
  EXPECT_EQ(client.statistics().resent, 5U);
  EXPECT_EQ(client.statistics().failovers, 0U);
}

TEST(FailoverTest, AnsweredIntentsAreNotSentAgain) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  ASSERT_TRUE(client.publish(kTopic, "before").get().success);
  fabric.kill();
  const auto waiting = client.publish(kTopic, "meanwhile");
  fabric.start();
  EXPECT_EQ(waiting.get().content, "meanwhile");
  EXPECT_EQ(client.publish(kTopic, "after").get().content, "after");
  const auto seen = fabric.intents();
  EXPECT_EQ(std::ranges::count(seen, "before", &SeenIntent::body), 1);
}

TEST(FailoverTest, TheProxyMayComeAndGoManyTimes) {
  FakeFabric fabric(answer_when_resent);
  Client client(options_for({&fabric}));
  for (int round = 0; round < 4; ++round) {
    const auto pending = client.publish(kTopic, "x");
    ASSERT_TRUE(fabric.sees_intents(2 * static_cast<std::size_t>(round) + 1));
    fabric.kill();
    fabric.start();
    ASSERT_TRUE(pending.get().success) << "round " << round;
  }
  EXPECT_EQ(client.statistics().resent, 4U);
}

TEST(FailoverTest, AClientThatStartsBeforeItsProxyIsServed) {
  FakeFabric fabric(echo);
  fabric.kill();
  Client client(options_for({&fabric}));
  const auto pending = client.publish(kTopic, "early");
  EXPECT_FALSE(client.wait_until_connected(1ms));
  fabric.start();
  EXPECT_EQ(pending.get().content, "early");
  EXPECT_TRUE(client.wait_until_connected(kPatience));
  EXPECT_EQ(client.statistics().resent, 0U);
}

TEST(FailoverTest, WhatTheFirstProxyLeftUnansweredGoesToTheSecond) {
  FakeFabric first(silence);
  FakeFabric second(echo);
  second.kill();  // So that the first one is used, whichever connects faster.
  Client client(options_for({&first, &second}));
  ASSERT_TRUE(client.wait_until_connected(kPatience));
  second.start();
  const auto pending = client.publish(kTopic, "move over");
  ASSERT_TRUE(first.sees_intents(1));
  first.kill();
  EXPECT_EQ(pending.get().content, "move over");
  const auto seen = second.intents();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen.at(0).resent);
  EXPECT_EQ(seen.at(0).request_id, pending.request_id());
  EXPECT_EQ(client.statistics().failovers, 1U);
  EXPECT_EQ(client.publish(kTopic, "stays").get().content, "stays");
}

TEST(FailoverTest, TheFirstProxyIsUsedAgainOnceItIsBack) {
  FakeFabric first(echo);
  FakeFabric second(echo);
  first.kill();
  Client client(options_for({&first, &second}));
  ASSERT_TRUE(client.publish(kTopic, "to the second").get().success);
  first.start();
  while (first.intents().empty()) ASSERT_TRUE(client.publish(kTopic, "to whom?").get().success);
  EXPECT_FALSE(first.intents().at(0).resent);
}

TEST(FailoverTest, TheSameReplyThroughTwoProxiesCountsOnce) {
  FakeFabric first(silence);
  FakeFabric second(silence);
  Client client(options_for({&first, &second}));
  ASSERT_TRUE(first.sees_echoes(1));
  ASSERT_TRUE(second.sees_echoes(1));
  const auto pending = client.publish(kTopic, "x", {.request_id = "twice"});
  const Message reply = {client.reply_topic(), R"({"request_id":"twice","status":"success","content":"c"})"};
  first.publish(reply);
  EXPECT_EQ(pending.get().content, "c");
  second.publish(reply);
  while (client.statistics().duplicate == 0)
    ASSERT_FALSE(client.publish(kTopic, "turn", {.timeout = 10ms}).get().success);
  EXPECT_EQ(client.statistics().answered, 1U);
}

TEST(FailoverTest, ACancelWaitsForTheProxy) {
  FakeFabric fabric(silence);
  Client client(options_for({&fabric}));
  const auto pending = client.publish(kTopic, "x");
  ASSERT_TRUE(fabric.sees_intents(1));
  fabric.kill();
  pending.cancel();
  EXPECT_EQ(pending.get().code, "cancelled");
  fabric.start();
  EXPECT_TRUE(fabric.sees_cancels(1));
  EXPECT_EQ(fabric.intents().size(), 1U) << "a cancelled intent is not sent again";
}

}  // namespace
}  // namespace skillscale::agent::test
