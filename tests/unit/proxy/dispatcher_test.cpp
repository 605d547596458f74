#include "proxy/dispatcher.h"

#include "unit/proxy/dispatcher_fixture.h"

namespace skillscale::testing {
namespace {

// --- Dispatch and credit ----------------------------------------------------------

TEST_F(DispatcherTest, AnIntentGoesToExactlyOneMember) {
  join("m1");
  join("m2");
  EXPECT_TRUE(publish_request("r1"));
  ASSERT_EQ(outbox_.dispatched.size(), 1U);
  EXPECT_EQ(outbox_.dispatched[0].payload, intent_json("r1", "AGENT_1"));
  EXPECT_EQ(outbox_.dispatched[0].facts, DeliveryFacts{});
}

TEST_F(DispatcherTest, MembersNeverGetMoreThanTheirCredits) {
  join("m1", 2);
  for (int i = 0; i < 5; ++i) publish_request(std::to_string(i));
  EXPECT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_EQ(group().hold.size(), 3U);
  EXPECT_TRUE(reply(outbox_.dispatched[0].token));
  EXPECT_EQ(outbox_.dispatched.size(), 3U);
}

TEST_F(DispatcherTest, TheLeastLoadedMemberIsChosen) {
  join("small", 2);
  join("large", 8);
  std::map<std::string, int> got;
  for (int i = 0; i < 10; ++i) publish_request(std::to_string(i));
  for (const auto& dispatched : outbox_.dispatched) ++got[instance_of(dispatched)];
  EXPECT_EQ(got["small"], 2);
  EXPECT_EQ(got["large"], 8);
}

TEST_F(DispatcherTest, EachGroupGetsACopy) {
  join("m1", 2, "default");
  join("m2", 2, "audit");
  publish_request("r1");
  EXPECT_EQ(outbox_.dispatched.size(), 2U);
}

TEST_F(DispatcherTest, AMemberWhoseQueueIsFullIsPassedOver) {
  join("m1");
  join("m2");
  outbox_.full_queues[member_name("TOPIC_A", "m1", 2)] = true;
  publish_request("r1");
  publish_request("r2");
  ASSERT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_EQ(instance_of(outbox_.dispatched[0]), "m2");
  EXPECT_EQ(instance_of(outbox_.dispatched[1]), "m2");
}

TEST_F(DispatcherTest, PlainTopicsArePassedOn) {
  subscriptions_.add("TOPIC_PLAIN");
  EXPECT_FALSE(publish("TOPIC_PLAIN", intent_json("r", "AGENT_1")));
  EXPECT_FALSE(publish("AGENT_1", R"({"request_id":"r","status":"success"})"));
}

TEST_F(DispatcherTest, WhoWatchesAFamilyOfTopicsDoesNotServeThem) {
  subscriptions_.add("");
  subscriptions_.add("TOPIC_");
  EXPECT_TRUE(publish_request("r1")) << "held for the first member";
  EXPECT_FALSE(publish("other", intent_json("r", "AGENT_1")));
  join("m1");
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
}

TEST_F(DispatcherTest, APlainServerThatComesLateGetsWhatWaited) {
  publish_request("r1");
  publish_request("r2");
  subscriptions_.add("TOPIC_A");
  const auto waiting = dispatcher_->hand_over("TOPIC_A");
  ASSERT_EQ(waiting.size(), 2U);
  EXPECT_EQ(waiting[0].payload.to_string_view(), intent_json("r1", "AGENT_1"));
  EXPECT_EQ(dispatcher_->held_bytes(), 0U);
  EXPECT_FALSE(publish_request("r3")) << "plain from now on";
  EXPECT_TRUE(dispatcher_->hand_over("TOPIC_A").empty());
}

TEST_F(DispatcherTest, MembersTakePrecedenceOverPlainSubscribers) {
  subscriptions_.add("TOPIC_A");
  join("m1");
  EXPECT_TRUE(publish_request("r1"));
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
}

TEST_F(DispatcherTest, ATopicThatIsNotHeldAndNotServedIsAnsweredAtOnce) {
  EXPECT_TRUE(publish("other", intent_json("r1", "AGENT_1")));
  EXPECT_EQ(code_of_last_answer(), "no_skill_server");
  EXPECT_FALSE(publish("other", "not an intent"));
}

// --- Hold ------------------------------------------------------------------------------

TEST_F(DispatcherTest, IntentsBeforeTheFirstMemberAreKept) {
  for (int i = 0; i < 3; ++i) publish_request(std::to_string(i));
  EXPECT_TRUE(outbox_.dispatched.empty());
  clock_.advance(2s);
  join("m1", 8);
  ASSERT_EQ(outbox_.dispatched.size(), 3U);
  EXPECT_EQ(outbox_.dispatched[0].payload, intent_json("0", "AGENT_1"));
  EXPECT_DOUBLE_EQ(outbox_.dispatched[0].facts.held_ms, 2000);
  EXPECT_EQ(dispatcher_->held_bytes(), 0U);
}

TEST_F(DispatcherTest, WhatIsHeldTooLongIsAnswered) {
  DispatcherSettings settings;
  settings.hold_max = 5s;
  use(settings);
  publish_request("r1");
  wait(4s);
  EXPECT_TRUE(outbox_.answered.empty());
  wait(2s);
  ASSERT_EQ(outbox_.answered.size(), 1U);
  EXPECT_EQ(code_of_last_answer(), "no_capacity");
  EXPECT_EQ(outbox_.answered[0].reply_to, "AGENT_1");
  EXPECT_EQ(outbox_.answered[0].reply.request_id, "r1");
  EXPECT_GE(outbox_.answered[0].reply.timing_ms.held.value_or(0), 5000);
}

TEST_F(DispatcherTest, AnIntentPastItsDeadlineIsAnsweredExpired) {
  const double deadline = to_epoch_seconds(clock_.wall_now()) + 3;
  publish_request("r1", ",\"deadline\":" + std::to_string(deadline));
  wait(2s);
  EXPECT_TRUE(outbox_.answered.empty());
  wait(2s);
  EXPECT_EQ(code_of_last_answer(), "expired");
  publish_request("r2", ",\"deadline\":" + std::to_string(deadline));
  EXPECT_EQ(outbox_.answered.size(), 2U);
  EXPECT_EQ(code_of_last_answer(), "expired");
}

TEST_F(DispatcherTest, TheHoldIsBoundedByTopicAndInAll) {
  DispatcherSettings settings;
  settings.hold_topic_bytes_max = 2 * (limits::kHoldOverheadBytes + 200);
  settings.hold_bytes_max = 3 * (limits::kHoldOverheadBytes + 200);
  use(settings);
  for (int i = 0; i < 3; ++i) publish_request(std::to_string(i));
  EXPECT_EQ(outbox_.answered.size(), 1U);
  EXPECT_EQ(code_of_last_answer(), "overloaded");
  for (int i = 0; i < 2; ++i) publish("TOPIC_B", intent_json(std::to_string(i), "AGENT_1"));
  EXPECT_EQ(outbox_.answered.size(), 2U);
  EXPECT_EQ(code_of_last_answer(), "overloaded");
}

TEST_F(DispatcherTest, MadeUpTopicsAreBounded) {
  for (std::size_t i = 0; i < limits::kUnservedTopicsMax + 5; ++i) {
    publish("TOPIC_" + std::to_string(i), intent_json("r", "AGENT_1"));
  }
  EXPECT_EQ(dispatcher_->roster().topics().size(), limits::kUnservedTopicsMax);
  EXPECT_EQ(outbox_.answered.size(), 5U);
  EXPECT_EQ(code_of_last_answer(), "overloaded");
  wait(limits::kHoldTimeMax + 1s);
  EXPECT_EQ(dispatcher_->roster().topics().size(), 0U) << "forgotten once nothing waits";
}

TEST_F(DispatcherTest, AMalformedIntentThatHasToWaitIsAnsweredIfPossible) {
  publish("TOPIC_A", R"({"request_id":"r1","reply_to":"AGENT_1","priority":"high"})");
  EXPECT_EQ(code_of_last_answer(), "invalid_request");
  publish("TOPIC_A", R"({"reply_to": 17)");
  EXPECT_EQ(outbox_.answered.size(), 1U);
  EXPECT_EQ(dispatcher_->counters().malformed, 2U);
}

TEST_F(DispatcherTest, IntentsForAKnownGroupAreKeptWhileItHasNoMembers) {
  join("m1");
  lose("m1");
  publish_request("r1");
  EXPECT_TRUE(outbox_.answered.empty());
  join("m2");
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
}

// --- Tokens -------------------------------------------------------------------------------

TEST_F(DispatcherTest, ARepeatedOrForgedTokenIsIgnored) {
  join("m1");
  publish_request("r1");
  const std::string token = outbox_.dispatched[0].token;
  EXPECT_TRUE(reply(token));
  EXPECT_FALSE(reply(token));
  EXPECT_FALSE(reply(std::string(16, 'x')));
  EXPECT_FALSE(reply("short"));
  EXPECT_EQ(dispatcher_->counters().stale_tokens, 3U);
}

// --- Started, given back, lost ---------------------------------------------------------------

TEST_F(DispatcherTest, AStartIsGranted) {
  join("m1");
  publish_request("r1");
  start(outbox_.dispatched[0].token);
  ASSERT_EQ(outbox_.controlled.size(), 1U);
  EXPECT_EQ(outbox_.controlled[0].control, kGoFrame);
  EXPECT_EQ(outbox_.controlled[0].token, outbox_.dispatched[0].token);
}

TEST_F(DispatcherTest, AStartIsGrantedOnce) {
  join("m1");
  publish_request("r1");
  start(outbox_.dispatched[0].token);
  start(outbox_.dispatched[0].token);
  EXPECT_EQ(outbox_.controlled.size(), 1U);
}

TEST_F(DispatcherTest, AnIdempotentStartNeedsNoGrant) {
  join("m1");
  publish_request("r1");
  start(outbox_.dispatched[0].token, true);
  EXPECT_TRUE(outbox_.controlled.empty());
}

TEST_F(DispatcherTest, LostBeforeItsStartAnIntentIsDispatchedAgain) {
  join("m1");
  publish_request("r1");
  join("m2");
  lose("m1");
  ASSERT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_EQ(instance_of(outbox_.dispatched[1]), "m2");
  EXPECT_EQ(outbox_.dispatched[1].facts.attempt, 1U);
  EXPECT_FALSE(reply(outbox_.dispatched[0].token)) << "the old lease is over";
  EXPECT_TRUE(reply(outbox_.dispatched[1].token));
}

TEST_F(DispatcherTest, LostAfterItsStartAnIntentIsNotRepeated) {
  join("m1");
  join("m2");
  publish_request("r1");
  start(outbox_.dispatched[0].token);
  lose(instance_of(outbox_.dispatched[0]));
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
  EXPECT_EQ(code_of_last_answer(), "worker_lost");
}

TEST_F(DispatcherTest, AnIdempotentIntentIsRepeatedABoundedNumberOfTimes) {
  for (const char* instance : {"m1", "m2", "m3", "m4"}) join(instance);
  publish_request("r1", R"(,"idempotent":true)");
  for (std::size_t attempt = 1; attempt <= 3; ++attempt) {
    ASSERT_EQ(outbox_.dispatched.size(), attempt);
    EXPECT_EQ(outbox_.dispatched.back().facts.attempt, attempt);
    start(outbox_.dispatched.back().token);
    lose(instance_of(outbox_.dispatched.back()));
  }
  EXPECT_EQ(outbox_.dispatched.size(), 3U);
  EXPECT_EQ(code_of_last_answer(), "worker_lost");
}

TEST_F(DispatcherTest, AnIdempotentSkillIsRepeatedToo) {
  join("m1");
  join("m2");
  publish_request("r1");
  start(outbox_.dispatched[0].token, true);
  lose(instance_of(outbox_.dispatched[0]));
  ASSERT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_EQ(outbox_.dispatched[1].facts.attempt, 2U);
}

TEST_F(DispatcherTest, AnIntentThatEndsEveryMemberIsGivenUp) {
  publish_request("poison");
  for (int i = 0; i < 100; ++i) {
    const std::string instance = "m" + std::to_string(i);
    join(instance);
    lose(instance);
  }
  EXPECT_EQ(outbox_.dispatched.size(), limits::kLossesMax);
  EXPECT_EQ(code_of_last_answer(), "worker_lost");
  EXPECT_EQ(outbox_.answered.size(), 1U);
}

TEST_F(DispatcherTest, GivenBackIntentsGoElsewhere) {
  join("m1");
  publish_request("r1");
  dispatcher_->stop_dispatch({member_name("TOPIC_A", "m1", 2)});
  join("m2");
  dispatcher_->give_back({outbox_.dispatched[0].token});
  ASSERT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_EQ(instance_of(outbox_.dispatched[1]), "m2");
  EXPECT_EQ(outbox_.dispatched[1].facts.attempt, 1U);
}

TEST_F(DispatcherTest, ADrainingMemberEndsWhatItStarted) {
  join("m1");
  publish_request("r1");
  start(outbox_.dispatched[0].token);
  dispatcher_->stop_dispatch({member_name("TOPIC_A", "m1", 2)});
  publish_request("r2");
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
  EXPECT_TRUE(reply(outbox_.dispatched[0].token));
  lose("m1");
  EXPECT_TRUE(outbox_.answered.empty());
}

TEST_F(DispatcherTest, AnIntentThatIsNotStartedIsTakenBackWhenAnotherMemberHasRoom) {
  join("slow");
  publish_request("r1");
  join("idle");
  wait(500ms);
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
  wait(600ms);
  ASSERT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_EQ(instance_of(outbox_.dispatched[1]), "idle");
  EXPECT_EQ(outbox_.controlled.back().control, kCancelFrame);
  start(outbox_.dispatched[0].token);
  EXPECT_EQ(outbox_.controlled.size(), 1U) << "the slow member is not granted the start";
  EXPECT_FALSE(reply(outbox_.dispatched[0].token)) << "its reply would be the second";
  EXPECT_EQ(dispatcher_->counters().late_replies, 1U);
}

TEST_F(DispatcherTest, AnIntentDoesNotWanderBetweenBusyMembers) {
  join("m1");
  join("m2");
  for (const char* request : {"long1", "long2", "waiting"}) publish_request(request);
  for (int i = 0; i < 2; ++i) start(outbox_.dispatched[static_cast<std::size_t>(i)].token);
  for (int i = 0; i < 60; ++i) {
    clock_.advance(100ms);
    dispatcher_->sweep();
  }
  EXPECT_EQ(outbox_.dispatched.size(), 3U) << "each member is busy with one intent: moving the third helps nobody";
}

TEST_F(DispatcherTest, AMemberThatNeverAnswersKeepsItsCreditsTaken) {
  join("silent", 1);
  publish_request("r1");
  join("good", 1);
  wait(2s);
  publish_request("r2");
  EXPECT_EQ(outbox_.dispatched.size(), 2U) << "the good one is busy, the silent one gets nothing more";
}

TEST_F(DispatcherTest, ALeaseThatRunsOutIsAnsweredAndItsReplyIgnored) {
  join("m1");
  publish_request("r1");
  start(outbox_.dispatched[0].token);
  wait(1s + limits::kKillGrace + limits::kLeaseGrace - 1ms);
  EXPECT_TRUE(outbox_.answered.empty());
  wait(2ms);
  EXPECT_EQ(code_of_last_answer(), "timed_out");
  EXPECT_EQ(dispatcher_->counters().unresponsive, 1U);
  EXPECT_FALSE(reply(outbox_.dispatched[0].token));
}

// --- Cancel -----------------------------------------------------------------------------------

TEST_F(DispatcherTest, AHeldIntentIsCancelledAtOnce) {
  publish_request("r1");
  dispatcher_->cancel({"r1", "AGENT_1"});
  EXPECT_EQ(code_of_last_answer(), "cancelled");
  join("m1");
  EXPECT_TRUE(outbox_.dispatched.empty());
  EXPECT_EQ(dispatcher_->held_bytes(), 0U);
}

TEST_F(DispatcherTest, AnIntentThatIsNotStartedIsCancelledAtOnceAndTakenFromItsMember) {
  join("m1");
  publish_request("r1");
  dispatcher_->cancel({"r1", "AGENT_1"});
  EXPECT_EQ(code_of_last_answer(), "cancelled");
  ASSERT_EQ(outbox_.controlled.size(), 1U);
  EXPECT_EQ(outbox_.controlled[0].control, kCancelFrame);
  dispatcher_->give_back({outbox_.dispatched[0].token});
  EXPECT_EQ(outbox_.dispatched.size(), 1U) << "given back, but nobody wants it any more";
  EXPECT_EQ(group().members[0]->outstanding, 0U);
}

TEST_F(DispatcherTest, ARunningIntentIsCancelledByItsMember) {
  join("m1");
  publish_request("r1");
  start(outbox_.dispatched[0].token);
  dispatcher_->cancel({"r1", "AGENT_1"});
  EXPECT_TRUE(outbox_.answered.empty());
  EXPECT_EQ(outbox_.controlled.back().control, kCancelFrame);
  EXPECT_TRUE(reply(outbox_.dispatched[0].token));
}

TEST_F(DispatcherTest, ACancelReachesEveryGroup) {
  join("m1", 1, "one");
  join("m2", 1, "two");
  publish_request("fills both");
  dispatcher_->finish(outbox_.dispatched[0].token, "AGENT_1");
  publish_request("r");  // Leased in one group, held in the other.
  dispatcher_->cancel({"r", "AGENT_1"});
  EXPECT_EQ(outbox_.controlled.size(), 1U);
  EXPECT_EQ(outbox_.controlled[0].control, kCancelFrame);
}

TEST_F(DispatcherTest, ACancelledIntentIsNotRepeated) {
  join("m1");
  join("m2");
  publish_request("r1", R"(,"idempotent":true)");
  start(outbox_.dispatched[0].token, true);
  dispatcher_->cancel({"r1", "AGENT_1"});
  lose(instance_of(outbox_.dispatched[0]));
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
  EXPECT_EQ(code_of_last_answer(), "cancelled");
}

TEST_F(DispatcherTest, CancelsOfStrangersDoNothing) {
  join("m1");
  publish_request("r1");
  dispatcher_->cancel({"r1", "AGENT_2"});
  dispatcher_->cancel({"r2", "AGENT_1"});
  EXPECT_EQ(dispatcher_->counters().unknown_cancels, 2U);
  EXPECT_TRUE(outbox_.answered.empty());
}

// --- Sent again ---------------------------------------------------------------------------------

TEST_F(DispatcherTest, AResentIntentThatIsOnItsWayIsDropped) {
  join("m1", 1);
  publish_request("leased");
  publish_request("held");
  publish_request("leased", "", true);
  publish_request("held", "", true);
  EXPECT_EQ(dispatcher_->counters().resent_known, 2U);
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
  EXPECT_EQ(group().hold.size(), 1U);
}

TEST_F(DispatcherTest, AResentIntentWaitsForTheMemberThatHasItsRun) {
  publish_request("r1", "", true);
  join("stranger");
  EXPECT_TRUE(outbox_.dispatched.empty()) << "another member must not start it a second time";
  join("owner");
  dispatcher_->announce({member_name("TOPIC_A", "owner", 2), {{{"r1", "AGENT_1"}, "TOPIC_A", ""}}});
  ASSERT_EQ(outbox_.dispatched.size(), 1U);
  EXPECT_EQ(instance_of(outbox_.dispatched[0]), "owner");
  EXPECT_TRUE(reply(outbox_.dispatched[0].token));
  EXPECT_EQ(dispatcher_->held_bytes(), 0U);
}

TEST_F(DispatcherTest, AnAnnouncedRunIsFoundByALaterResend) {
  join("owner", 1);
  join("other", 4);
  dispatcher_->announce({member_name("TOPIC_A", "owner", 1), {{{"r1", "AGENT_1"}, "TOPIC_A", ""}}});
  publish_request("fill1");
  publish_request("fill2");
  publish_request("r1", "", true);
  EXPECT_EQ(instance_of(outbox_.dispatched.back()), "owner") << "joining takes no credit";
}

TEST_F(DispatcherTest, MembersAreAskedForARunThatIsNotKnownHere) {
  join("m1");
  publish_request("r1", "", true);
  ASSERT_EQ(outbox_.controlled.size(), 1U);
  EXPECT_EQ(parse_who(outbox_.controlled[0].control), (ReturnAddress{"r1", "AGENT_1"}));
}

TEST_F(DispatcherTest, AResentIntentThatNobodyAnnouncesIsNewAfterAWhile) {
  join("m1");
  publish_request("r1", "", true);
  wait(limits::kResendSettleTime - 1ms);
  EXPECT_TRUE(outbox_.dispatched.empty());
  wait(2ms);
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
}

TEST_F(DispatcherTest, AResentIntentOfATopicWithoutServersWaitsForThem) {
  publish_request("r1", "", true);
  wait(limits::kResendSettleTime + 1ms);
  wait(limits::kResendSettleTime);
  EXPECT_TRUE(outbox_.answered.empty());
  join("m1");
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
}

TEST_F(DispatcherTest, ASettlingIntentCanBeCancelled) {
  publish_request("r1", "", true);
  dispatcher_->cancel({"r1", "AGENT_1"});
  EXPECT_EQ(code_of_last_answer(), "cancelled");
  EXPECT_EQ(dispatcher_->held_bytes(), 0U);
}

TEST_F(DispatcherTest, AReplyThatNobodyReceivedCanBeAskedForAgain) {
  join("m1");
  publish("TOPIC_A", intent_json("r1", "GONE"));
  start(outbox_.dispatched[0].token);
  EXPECT_TRUE(dispatcher_->finish(outbox_.dispatched[0].token, "GONE"));
  subscriptions_.add("GONE");
  publish("TOPIC_A", intent_json("r1", "GONE"), true);
  ASSERT_EQ(outbox_.dispatched.size(), 2U) << "to the member that keeps the reply, at once";
}

TEST_F(DispatcherTest, AnAnswerOfTheProxyThatNobodyReceivedIsGivenAgain) {
  join("m1");
  publish("TOPIC_A", intent_json("r1", "GONE"));
  start(outbox_.dispatched[0].token);
  lose("m1");
  join("m2");
  publish("TOPIC_A", intent_json("r1", "GONE"), true);
  EXPECT_EQ(outbox_.answered.size(), 2U);
  EXPECT_EQ(code_of_last_answer(), "worker_lost");
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
}

TEST_F(DispatcherTest, ALostJoinMayHaveRun) {
  join("owner");
  dispatcher_->announce({member_name("TOPIC_A", "owner", 2), {{{"r1", "AGENT_1"}, "TOPIC_A", ""}}});
  publish_request("r1", "", true);
  join("other");
  lose("owner");
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
  EXPECT_EQ(code_of_last_answer(), "worker_lost");
}

// --- Idempotency keys ----------------------------------------------------------------------------

TEST_F(DispatcherTest, ARepeatedKeyGoesToTheMemberThatHasIt) {
  join("m1", 4);
  join("m2", 4);
  publish_request("r1", R"(,"idempotency_key":"k")");
  const std::string owner = outbox_.dispatched[0].member;
  for (int i = 0; i < 4; ++i) publish_request("repeat" + std::to_string(i), R"(,"idempotency_key":"k")");
  ASSERT_EQ(outbox_.dispatched.size(), 5U);
  for (const auto& dispatched : outbox_.dispatched) EXPECT_EQ(dispatched.member, owner);
  publish_request("other", R"(,"idempotency_key":"k2")");
  EXPECT_NE(outbox_.dispatched.back().member, owner);
}

TEST_F(DispatcherTest, AfterTheStartARepeatedKeyWaitsForTheMemberThatHasIt) {
  restart();
  join("m1", 4);
  publish_request("repeat", R"(,"idempotency_key":"k")");
  publish_request("other", R"(,"idempotency_key":"k2")");
  publish_request("keyless");
  ASSERT_EQ(outbox_.dispatched.size(), 1U) << "only what has no key is dispatched at once";
  start(outbox_.dispatched[0].token);
  join("owner", 4);
  dispatcher_->announce({member_name("TOPIC_A", "owner", 4), {{{"r1", "AGENT_1"}, "TOPIC_A", "k"}}});
  wait(limits::kResendSettleTime - 1ms);
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
  wait(1ms);
  ASSERT_EQ(outbox_.dispatched.size(), 3U);
  EXPECT_EQ(instance_of(outbox_.dispatched[1]), "owner");
  publish_request("later", R"(,"idempotency_key":"k3")");
  EXPECT_EQ(outbox_.dispatched.size(), 4U) << "from now on nothing waits";
}

TEST_F(DispatcherTest, AfterTheStartTwoRepeatsOfAnUnknownKeyGoToOneMember) {
  restart();
  publish_request("r1", R"(,"idempotency_key":"k")");
  publish_request("r2", R"(,"idempotency_key":"k")");
  join("m1", 4);
  join("m2", 4);
  EXPECT_TRUE(outbox_.dispatched.empty());
  wait(limits::kResendSettleTime);
  ASSERT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_EQ(outbox_.dispatched[0].member, outbox_.dispatched[1].member);
}

TEST_F(DispatcherTest, AKeyThatIsGivenBackGoesToOneMemberWithItsRepeats) {
  join("m1", 4);
  publish_request("r1", R"(,"idempotency_key":"k")");
  publish_request("r2", R"(,"idempotency_key":"k")");
  dispatcher_->stop_dispatch({member_name("TOPIC_A", "m1", 4)});
  join("m2", 4);
  join("m3", 4);
  dispatcher_->give_back({outbox_.dispatched[0].token});
  dispatcher_->give_back({outbox_.dispatched[1].token});
  ASSERT_EQ(outbox_.dispatched.size(), 4U);
  EXPECT_EQ(outbox_.dispatched[2].member, outbox_.dispatched[3].member);
}

TEST_F(DispatcherTest, AKeyedIntentIsNotTakenFromTheMemberThatItsRepeatsGoTo) {
  join("m1", 2);
  publish_request("r1", R"(,"idempotency_key":"k")");
  join("m2", 2);
  wait(2s);
  EXPECT_EQ(outbox_.dispatched.size(), 1U);
}

TEST_F(DispatcherTest, AHeldRepeatFindsItsKey) {
  publish_request("r1", R"(,"idempotency_key":"k")");
  publish_request("r2", R"(,"idempotency_key":"k")");
  join("m2", 1);
  ASSERT_EQ(outbox_.dispatched.size(), 1U);
  join("m1", 1);
  ASSERT_EQ(outbox_.dispatched.size(), 2U);
  EXPECT_EQ(instance_of(outbox_.dispatched[1]), "m2") << "not to the member that has room, but knows nothing";
}

// --- Drain --------------------------------------------------------------------------------------------

TEST_F(DispatcherTest, AStoppingProxyAnswersEverythingThatIsNotStarted) {
  join("m1", 2);
  publish_request("running");
  start(outbox_.dispatched[0].token);
  publish_request("leased");
  publish_request("held");
  publish_request("settling", "", true);
  dispatcher_->drain();
  EXPECT_EQ(outbox_.answered.size(), 3U);
  for (const auto& answered : outbox_.answered) EXPECT_EQ(answered.reply.code, "draining");
  publish_request("new");
  EXPECT_EQ(outbox_.answered.size(), 4U);
  EXPECT_EQ(dispatcher_->runs_in_progress(), 1U);
  EXPECT_TRUE(reply(outbox_.dispatched[0].token));
  EXPECT_EQ(dispatcher_->runs_in_progress(), 0U);
}

}  // namespace
}  // namespace skillscale::testing
