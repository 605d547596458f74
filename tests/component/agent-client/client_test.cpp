// One client, one proxy: requests, replies, time-outs, cancels, what strangers send.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <thread>

#include "fake_fabric.h"

namespace skillscale::agent::test {
namespace {

constexpr const char* kTopic = "TOPIC_TEST";

std::string success_json(const std::string& request_id) {
  return R"({"request_id":")" + request_id + R"(","status":"success","content":"late"})";
}

// The reply topic is subscribed and replies flow, so all that was published before has arrived.
void settle(Client& client) { ASSERT_TRUE(client.publish(kTopic, "settle").get().success); }

TEST(AgentClientTest, TheFirstMessageIsNeverLost) {
  FakeFabric fabric(echo);
  for (int round = 0; round < 30; ++round) {
    Client client(options_for({&fabric}));
    const auto pending = client.publish(kTopic, "first " + std::to_string(round));
    ASSERT_TRUE(pending.wait_for(kPatience));
    EXPECT_EQ(pending.get().content, "first " + std::to_string(round));
  }
  EXPECT_EQ(fabric.intents().size(), 30U);
}

TEST(AgentClientTest, TheIntentCarriesItsOptions) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  const auto reply = client.publish(kTopic, "Summarise.", {.skill = "text-summarizer", .data = "Some data."}).get();
  EXPECT_TRUE(reply.success);
  EXPECT_EQ(reply.skill, "text-summarizer");
  const auto seen = fabric.intents().at(0);
  EXPECT_EQ(seen.topic, kTopic);
  EXPECT_EQ(seen.skill, "text-summarizer");
  EXPECT_EQ(seen.body, "Summarise.");
  EXPECT_EQ(seen.stdin_data, "Some data.");
  EXPECT_EQ(seen.reply_to, client.reply_topic());
  EXPECT_EQ(seen.request_id, reply.request_id);
}

TEST(AgentClientTest, TheReplyHoldsWhatCameByteByByte) {
  const std::string json = R"({"request_id":"r1","status":"error","content":"c","error":"e","code":"skill_failed",)"
                           R"("timestamp":5,"exit":{"code":3},"attempt":2,"server":"s","something_new":[1,2]})";
  FakeFabric fabric([&](const SeenIntent& intent) { return std::vector<Message>{{intent.reply_to, json}}; });
  Client client(options_for({&fabric}));
  const auto reply = client.publish(kTopic, "x", {.request_id = "r1"}).get();
  EXPECT_EQ(reply.json, json);
  EXPECT_FALSE(reply.success);
  EXPECT_FALSE(reply.from_client);
  EXPECT_EQ(reply.code, "skill_failed");
  EXPECT_EQ(reply.exit_code, 3);
  EXPECT_EQ(reply.attempt, 2U);
  EXPECT_GT(reply.elapsed, 0us);
}

TEST(AgentClientTest, AThousandRapidIntentsFindTheirReplies) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  std::vector<PendingReply> pending;
  pending.reserve(1000);
  for (int index = 0; index < 1000; ++index) pending.push_back(client.publish(kTopic, std::to_string(index)));
  for (int index = 0; index < 1000; ++index) {
    ASSERT_EQ(pending[static_cast<std::size_t>(index)].get().content, std::to_string(index));
  }
  const auto statistics = client.statistics();
  EXPECT_EQ(statistics.published, 1000U);
  EXPECT_EQ(statistics.answered, 1000U);
  EXPECT_EQ(statistics.pending, 0U);
}

TEST(AgentClientTest, TenMegabytesOfUtf8ArriveIntact) {
  FakeFabric fabric([](const SeenIntent& intent) { return std::vector<Message>{answer(intent, intent.stdin_data)}; });
  Client client(options_for({&fabric}));
  std::string text;
  while (text.size() < 10'000'000) text += "Grüße \"\\\n\t€ 日本語 \U0001F600 ";
  const auto reply = client.publish(kTopic, "echo", {.data = text}).get();
  ASSERT_TRUE(reply.success) << reply.error;
  EXPECT_TRUE(reply.content == text);
}

TEST(AgentClientTest, SilenceEndsWithNoAnswerAndACancel) {
  FakeFabric fabric(silence);
  Client client(options_for({&fabric}));
  const auto reply = client.publish(kTopic, "anybody?", {.timeout = 300ms}).get();
  EXPECT_EQ(reply.code, "no_answer");
  EXPECT_TRUE(reply.from_client);
  EXPECT_EQ(nlohmann::json::parse(reply.json)["code"], "no_answer");
  ASSERT_TRUE(fabric.sees_cancels(1));
  EXPECT_EQ(fabric.cancels().at(0), reply.request_id);
  EXPECT_EQ(client.statistics().timed_out, 1U);
}

TEST(AgentClientTest, WithoutAProxyARequestEndsAsUnreachable) {
  FakeFabric fabric(echo);
  fabric.kill();
  auto options = options_for({&fabric});
  options.connect_timeout = 200ms;
  Client client(std::move(options));
  const auto reply = client.publish(kTopic, "hello").get();
  EXPECT_EQ(reply.code, "unreachable");
  EXPECT_NE(reply.error.find(fabric.proxy().publish_endpoint), std::string::npos);
  EXPECT_FALSE(client.wait_until_connected(0ms));
}

TEST(AgentClientTest, CancelEndsTheRequestAndTellsTheFabric) {
  FakeFabric fabric(silence);
  Client client(options_for({&fabric}));
  const auto pending = client.publish(kTopic, "long work");
  ASSERT_TRUE(fabric.sees_intents(1));
  pending.cancel();
  pending.cancel();
  EXPECT_EQ(pending.get().code, "cancelled");
  ASSERT_TRUE(fabric.sees_cancels(1));
  EXPECT_EQ(fabric.cancels(), std::vector<std::string>{pending.request_id()});
  EXPECT_EQ(client.statistics().cancelled, 1U);
}

TEST(AgentClientTest, ACancelJustBeforeTheEndStillReachesTheFabric) {
  FakeFabric fabric(silence);
  {
    Client client(options_for({&fabric}));
    const auto pending = client.publish(kTopic, "long work");
    ASSERT_TRUE(fabric.sees_intents(1));
    pending.cancel();
  }
  EXPECT_TRUE(fabric.sees_cancels(1));
}

TEST(AgentClientTest, LateDuplicateUnknownAndMalformedRepliesAreCounted) {
  FakeFabric fabric([](const SeenIntent& intent) {
    if (intent.body == "twice") return std::vector<Message>{answer(intent, "1"), answer(intent, "2")};
    if (intent.body == "never") return std::vector<Message>{};
    return echo(intent);
  });
  Client client(options_for({&fabric}));
  EXPECT_EQ(client.publish(kTopic, "twice").get().content, "1");
  const auto given_up = client.publish(kTopic, "never", {.timeout = 50ms}).get();
  EXPECT_EQ(given_up.code, "no_answer");

  fabric.publish({client.reply_topic(), success_json(given_up.request_id)});
  fabric.publish({client.reply_topic(), success_json("nobody-knows-this")});
  fabric.publish({client.reply_topic(), "not json"});
  fabric.publish({client.reply_topic(), R"({"request_id":"x","status":"maybe"})"});
  fabric.publish({client.reply_topic()});
  settle(client);

  const auto statistics = client.statistics();
  EXPECT_EQ(statistics.duplicate, 1U);
  EXPECT_EQ(statistics.late, 1U);
  EXPECT_EQ(statistics.unknown, 1U);
  EXPECT_EQ(statistics.malformed, 3U);
}

TEST(AgentClientTest, RepliesToALongerIdAreNotTaken) {
  FakeFabric fabric(silence);
  auto options = options_for({&fabric});
  options.agent_id = "1";
  Client client(std::move(options));
  EXPECT_EQ(client.reply_topic(), "AGENT_REPLY_1");
  const auto pending = client.publish(kTopic, "mine", {.request_id = "same-id"});
  ASSERT_TRUE(fabric.sees_intents(1));
  fabric.publish({"AGENT_REPLY_10", success_json("same-id")});
  fabric.publish({"AGENT_REPLY_1", R"({"request_id":"same-id","status":"success","content":"for 1"})"});
  EXPECT_EQ(pending.get().content, "for 1");
  EXPECT_EQ(client.statistics().duplicate, 0U);
}

TEST(AgentClientTest, RefusedRequestsAreReadyAtOnce) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  const auto refused = [&](const std::string& topic, const std::string& text, IntentOptions options) {
    const auto pending = client.publish(topic, text, std::move(options));
    EXPECT_TRUE(pending.ready());
    EXPECT_TRUE(pending.get().from_client);
    return pending.get().code;
  };
  EXPECT_EQ(refused("", "x", {}), "invalid_request");
  EXPECT_EQ(refused("@cancel", "x", {}), "invalid_request");
  EXPECT_EQ(refused(kTopic, "\xff", {}), "invalid_request");
  EXPECT_EQ(refused(kTopic, "x", {.priority = 10}), "invalid_request");
  EXPECT_EQ(refused(kTopic, "x", {.timeout = 0ms}), "invalid_request");
  EXPECT_EQ(refused(kTopic, "x", {.request_id = std::string(129, 'r')}), "invalid_request");
  EXPECT_EQ(refused(kTopic, "x", {.input_json = "{"}), "invalid_request");
  EXPECT_EQ(refused(kTopic, std::string(17 << 20, 'x'), {}), "too_large");
  EXPECT_EQ(client.statistics().refused, 8U);
  EXPECT_TRUE(fabric.intents().empty());
}

TEST(AgentClientTest, ARequestIdUnderWayIsRefused) {
  FakeFabric fabric(silence);
  Client client(options_for({&fabric}));
  const auto first = client.publish(kTopic, "one", {.request_id = "id"});
  const auto second = client.publish(kTopic, "two", {.request_id = "id"});
  EXPECT_EQ(second.get().code, "invalid_request");
  EXPECT_FALSE(first.ready());
  EXPECT_EQ(client.statistics().pending, 1U);
}

TEST(AgentClientTest, PastItsBoundTheClientIsOverloaded) {
  FakeFabric fabric(silence);
  auto options = options_for({&fabric});
  options.pending_max = 2;
  Client client(std::move(options));
  const auto first = client.publish(kTopic, "one");
  client.publish(kTopic, "two");
  EXPECT_EQ(client.publish(kTopic, "three").get().code, "overloaded");
  first.cancel();
  EXPECT_EQ(first.get().code, "cancelled");
  EXPECT_FALSE(client.publish(kTopic, "four").ready());
}

TEST(AgentClientTest, CallbacksComeOnTheIoThread) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  std::atomic<int> calls = 0;
  std::atomic<bool> other_thread = false;
  const auto here = std::this_thread::get_id();
  std::vector<PendingReply> pending;
  pending.reserve(10);
  for (int index = 0; index < 10; ++index) {
    pending.push_back(client.publish(kTopic, "x", {}, [&](const Reply& reply) {
      if (reply.success) ++calls;
      other_thread = std::this_thread::get_id() != here;
    }));
  }
  for (const auto& one : pending) one.get();
  settle(client);  // Callbacks come in the order of the replies.
  EXPECT_EQ(calls, 10);
  EXPECT_TRUE(other_thread);
}

TEST(AgentClientTest, CallbacksComeOnTheCallersThread) {
  FakeFabric fabric(echo);
  auto options = options_for({&fabric});
  options.callbacks = CallbackThread::caller;
  Client client(std::move(options));
  EXPECT_EQ(client.respond(), 0U);
  const auto here = std::this_thread::get_id();
  std::vector<std::string> contents;
  const auto note = [&](const Reply& reply) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    contents.push_back(reply.content);
  };
  client.publish(kTopic, "a", {}, note);
  client.publish(kTopic, "b", {}, note);
  std::size_t called = 0;
  while (called < 2) {
    const auto more = client.respond(kPatience);
    ASSERT_GT(more, 0U);
    called += more;
  }
  EXPECT_EQ(contents, (std::vector<std::string>{"a", "b"}));
}

TEST(AgentClientTest, ParallelRepliesStandInTheOrderOfTheRequests) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  const auto replies = client.publish_parallel({{kTopic, "a", {}}, {"bad topic", "b", {}}, {kTopic, "c", {}}});
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[0].content, "a");
  EXPECT_EQ(replies[1].code, "invalid_request");
  EXPECT_EQ(replies[2].content, "c");
}

TEST(AgentClientTest, SequentialRequestsWaitForEachOther) {
  std::atomic<int> under_way = 0;
  FakeFabric fabric([&](const SeenIntent& intent) {
    ++under_way;
    return echo(intent);
  });
  Client client(options_for({&fabric}));
  const std::vector<Request> requests = {{kTopic, "a", {}}, {"bad topic", "b", {}}, {kTopic, "c", {}}};
  EXPECT_EQ(client.publish_sequential(requests).size(), 2U);
  EXPECT_EQ(under_way, 1);
  const auto replies = client.publish_sequential(requests, OnFailure::go_on);
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[2].content, "c");
  EXPECT_EQ(under_way, 3);
}

TEST(AgentClientTest, GarbageCollectionGivesUpWhatIsOld) {
  FakeFabric fabric(silence);
  Client client(options_for({&fabric}));
  const auto first = client.publish(kTopic, "one");
  const auto second = client.publish(kTopic, "two");
  ASSERT_TRUE(fabric.sees_intents(2));
  EXPECT_EQ(client.collect_garbage(1h), 0U);
  EXPECT_EQ(client.collect_garbage(0ms), 2U);
  EXPECT_EQ(first.get().code, "no_answer");
  EXPECT_EQ(second.get().code, "no_answer");
  EXPECT_TRUE(fabric.sees_cancels(2));
}

TEST(AgentClientTest, TheEndOfTheClientEndsItsRequests) {
  FakeFabric fabric(silence);
  PendingReply pending;
  {
    Client client(options_for({&fabric}));
    pending = client.publish(kTopic, "x");
    ASSERT_TRUE(fabric.sees_intents(1));
  }
  ASSERT_TRUE(pending.ready());
  EXPECT_EQ(pending.get().code, "cancelled");
  pending.cancel();
  EXPECT_TRUE(fabric.cancels().empty());
}

TEST(AgentClientTest, EightThreadsShareAClient) {
  FakeFabric fabric(echo);
  Client client(options_for({&fabric}));
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  threads.reserve(8);
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int index = 0; index < 100; ++index) {
        const std::string text = std::to_string(thread) + "/" + std::to_string(index);
        const auto pending = client.publish(kTopic, text);
        if (index % 10 == 9) pending.cancel();
        const auto& reply = pending.get();
        if (reply.content == text || reply.code == "cancelled") ++right;
        client.statistics();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, 800);
  EXPECT_EQ(client.statistics().pending, 0U);
}

TEST(AgentClientTest, WrongOptionsAreRefusedWithTheirName) {
  const auto error_of = [](ClientOptions options) -> std::string {
    try {
      const Client client(std::move(options));
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(error_of({.proxies = {}}).find("proxies"), std::string::npos);
  EXPECT_NE(error_of({.proxies = {{"tcp://127.0.0.1:70000", "tcp://127.0.0.1:5555"}}}).find("70000"),
            std::string::npos);
  EXPECT_NE(error_of({.agent_id = "a b"}).find("agent_id"), std::string::npos);
  EXPECT_NE(error_of({.connect_timeout = 0ms}).find("connect_timeout"), std::string::npos);
  EXPECT_NE(error_of({.pending_max = 0}).find("pending_max"), std::string::npos);
}

}  // namespace
}  // namespace skillscale::agent::test
