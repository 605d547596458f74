#include "protocol/catalog.h"

#include "proxy/dispatcher.h"
#include "unit/proxy/dispatcher_fixture.h"

namespace skillscale::testing {
namespace {

class CatalogQuestionTest : public DispatcherTest {
 protected:
  void ask(const std::string& id = "q", const std::string& topic = "TOPIC_A") {
    CatalogRequest request;
    request.address = {id, "AGENT_1"};
    zmq::message_t message(encode_catalog_request(request));
    dispatcher_->ask_catalog(topic, message);
  }
};

TEST_F(CatalogQuestionTest, OneMemberIsAskedAndItsAnswerIsPassedOn) {
  join("m1");
  ask();
  ASSERT_EQ(outbox_.dispatched.size(), 1U);
  EXPECT_TRUE(outbox_.dispatched[0].facts.catalog);
  EXPECT_TRUE(reply(outbox_.dispatched[0].token));
  EXPECT_FALSE(reply(outbox_.dispatched[0].token)) << "the lease has ended";
  EXPECT_EQ(dispatcher_->live_leases(), 0U);
  EXPECT_EQ(group().counters.dispatched, 0U) << "it is no intent";
}

TEST_F(CatalogQuestionTest, MembersOfAllGroupsTakeTurns) {
  join("m1");
  join("m2", 2, "audit");
  for (int i = 0; i < 4; ++i) ask(std::to_string(i));
  std::map<std::string, int> got;
  for (const auto& dispatched : outbox_.dispatched) ++got[instance_of(dispatched)];
  EXPECT_EQ(got["m1"], 2);
  EXPECT_EQ(got["m2"], 2);
}

TEST_F(CatalogQuestionTest, ItNeedsNoCreditAndTakesNone) {
  join("m1", 1);
  publish_request("r1");
  for (int i = 0; i < 5; ++i) ask(std::to_string(i));
  EXPECT_EQ(outbox_.dispatched.size(), 6U);
  EXPECT_TRUE(reply(outbox_.dispatched[0].token));
  publish_request("r2");
  EXPECT_EQ(outbox_.dispatched.size(), 7U);
}

TEST_F(CatalogQuestionTest, WithoutAServerTheAnswerComesAtOnce) {
  ask();
  EXPECT_EQ(code_of_last_answer(), "no_skill_server");
  join("m1");
  EXPECT_TRUE(outbox_.dispatched.empty()) << "nothing was held";
  dispatcher_->stop_dispatch({member_name("TOPIC_A", "m1", 2)});
  ask();
  EXPECT_EQ(code_of_last_answer(), "no_skill_server");
  ask("q", "TOPIC_B");
  EXPECT_EQ(code_of_last_answer(), "no_skill_server");
}

TEST_F(CatalogQuestionTest, WhenNoQueueTakesItTheAnswerIsOverloaded) {
  join("m1");
  outbox_.full_queues[member_name("TOPIC_A", "m1", 2)] = true;
  ask();
  EXPECT_EQ(code_of_last_answer(), "overloaded");
  EXPECT_EQ(dispatcher_->live_leases(), 0U);
}

TEST_F(CatalogQuestionTest, ALostMemberIsReplacedByAnother) {
  join("m1");
  join("m2");
  ask();
  const std::string first = instance_of(outbox_.dispatched[0]);
  lose(first);
  ASSERT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_NE(instance_of(outbox_.dispatched[1]), first);
  EXPECT_TRUE(outbox_.dispatched[1].facts.catalog);
  lose(instance_of(outbox_.dispatched[1]));
  EXPECT_EQ(code_of_last_answer(), "no_skill_server");
  EXPECT_EQ(dispatcher_->live_leases(), 0U);
}

TEST_F(CatalogQuestionTest, AQuestionThatIsGivenBackGoesToAnotherButNotForEver) {
  join("m1");
  ask();
  for (std::size_t i = 0; i < 10 && outbox_.answered.empty(); ++i) {
    dispatcher_->give_back({outbox_.dispatched.back().token});
  }
  EXPECT_EQ(code_of_last_answer(), "no_skill_server");
  EXPECT_LE(outbox_.dispatched.size(), limits::kAttemptsMax);
}

TEST_F(CatalogQuestionTest, AMemberThatIsSilentIsNotWaitedForLong) {
  join("m1");
  ask();
  wait(limits::kCatalogAnswerTime + 1s);
  EXPECT_EQ(code_of_last_answer(), "timed_out");
  EXPECT_EQ(dispatcher_->runs_in_progress(), 0U);
}

TEST_F(CatalogQuestionTest, WhatIsNoQuestionIsAnsweredIfItSaysWhere) {
  join("m1");
  zmq::message_t message(std::string(R"({"request_id":"q","reply_to":"AGENT_1","catalog":{"op)"));
  dispatcher_->ask_catalog("TOPIC_A", message);
  EXPECT_EQ(code_of_last_answer(), "invalid_request");
  EXPECT_TRUE(outbox_.dispatched.empty());
}

TEST_F(CatalogQuestionTest, AStoppingProxyTakesNone) {
  join("m1");
  dispatcher_->drain();
  ask();
  EXPECT_EQ(code_of_last_answer(), "draining");
}

}  // namespace
}  // namespace skillscale::testing
