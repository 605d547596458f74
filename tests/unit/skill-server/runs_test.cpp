#include "skill-server/runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kLink = 0;
constexpr std::size_t kOtherLink = 1;

RunRequest request(const std::string& id) {
  RunRequest result;
  result.name = {.topic = "T", .group = "default", .address = {.request_id = id, .reply_to = "A"}};
  result.digest = {.high = 1, .low = 1};
  result.timeout = 30s;
  return result;
}

RunRequest idempotent(const std::string& id) {
  RunRequest result = request(id);
  result.idempotent = true;
  return result;
}

RunRequest with_key(const std::string& id, const std::string& key) {
  RunRequest result = request(id);
  result.idempotency_key = key;
  return result;
}

Reply success(const std::string& content) {
  Reply reply;
  reply.success = true;
  reply.content = content;
  return reply;
}

// Actions as text, so that a test reads as what happened.
struct Describe {
  std::string operator()(const AskStart& a) const {
    return (a.frame.idempotent ? "tell " : "ask ") + std::to_string(a.link) + a.frame.token;
  }
  std::string operator()(const Execute& a) const { return "run " + std::to_string(a.run); }
  std::string operator()(const SendAccepted& a) const {
    return "accepted " + std::to_string(a.to.link) + " " + a.to.address.request_id;
  }
  std::string operator()(const SendReply& a) const {
    return "reply " + std::to_string(a.lease.link) + a.lease.token + " " + a.to.address.request_id + " " +
           (a.reply->success ? a.reply->content : a.reply->code);
  }
  std::string operator()(const GiveBack& a) const { return "back " + std::to_string(a.link) + a.token; }
  std::string operator()(const Kill& a) const { return "kill " + std::to_string(a.run); }
};

class RunsTest : public testing::Test {
 protected:
  explicit RunsTest(std::size_t workers = 1)
      : runs_({.workers = workers,
               .leases_max = 8,
               .grant_wait_max = 5s,
               .cache_bytes_max = 100000,
               .cache_time_max = 60s}) {}

  void arrive(RunRequest what, const std::string& token, std::size_t link = kLink) {
    runs_.accept(std::move(what), {.link = link, .token = token, .facts = {}}, now_);
  }
  void grant(const std::string& token, std::size_t link = kLink) { runs_.granted(link, token, now_); }
  void cancel(const std::string& token, std::size_t link = kLink) { runs_.cancel(link, token, now_); }
  void lose(std::size_t link = kLink) { runs_.connection_lost(link, now_); }
  void finish(RunId run, Reply reply = success("done")) { runs_.finished(run, std::move(reply), now_); }

  std::vector<std::string> happened() {
    std::vector<std::string> texts;
    for (const Action& action : runs_.take_actions()) texts.push_back(std::visit(Describe(), action));
    return texts;
  }

  SteadyTime now_{1000h};
  Runs runs_;
};

SkillPtr skill_named(const std::string& name, std::optional<std::size_t> concurrency = std::nullopt) {
  Skill skill;
  skill.name = name;
  skill.limits.concurrency = concurrency;
  return std::make_shared<const Skill>(std::move(skill));
}

RunRequest of_skill(const std::string& id, SkillPtr skill) {
  RunRequest result = idempotent(id);
  result.digest = {.high = std::hash<std::string>()(id), .low = 1};
  result.work.skill = std::move(skill);
  return result;
}

Reply out_of_memory() { return Reply::failure("", ErrorCode::out_of_memory, "no"); }

class TwoWorkersTest : public RunsTest {
 protected:
  TwoWorkersTest() : RunsTest(2) {}
};

TEST_F(RunsTest, StartsOnlyWhenTheProxyGrantsIt) {
  arrive(request("r"), "t");
  EXPECT_THAT(happened(), ElementsAre("ask 0t"));
  grant("t");
  EXPECT_THAT(happened(), ElementsAre("run 1"));
  finish(1);
  EXPECT_THAT(happened(), ElementsAre("reply 0t r done"));
}

TEST_F(RunsTest, StartsAnIdempotentIntentAtOnce) {
  arrive(idempotent("r"), "t");
  EXPECT_THAT(happened(), ElementsAre("tell 0t", "run 1"));
}

TEST_F(RunsTest, AsksForAStartOnlyWhenAWorkerIsFree) {
  arrive(idempotent("r"), "t");
  arrive(request("s"), "u");
  EXPECT_THAT(happened(), ElementsAre("tell 0t", "run 1"));
  finish(1);
  EXPECT_THAT(happened(), ElementsAre("reply 0t r done", "ask 0u"));
}

TEST_F(RunsTest, AStartThatIsAskedForKeepsItsWorkerFree) {
  arrive(request("r"), "t");
  arrive(idempotent("s"), "u");
  EXPECT_THAT(happened(), ElementsAre("ask 0t"));
}

TEST_F(RunsTest, GivesBackAStartThatNobodyGrants) {
  arrive(request("r"), "t");
  arrive(idempotent("s"), "u");
  happened();
  ASSERT_TRUE(runs_.next_wake());
  now_ = *runs_.next_wake();
  runs_.tick(now_);
  EXPECT_THAT(happened(), ElementsAre("back 0t", "tell 0u", "run 2"));
  grant("t");
  EXPECT_THAT(happened(), IsEmpty());
}

TEST_F(RunsTest, IgnoresAGrantThatComesTwice) {
  arrive(request("r"), "t");
  grant("t");
  grant("t");
  EXPECT_THAT(happened(), ElementsAre("ask 0t", "run 1"));
}

TEST_F(RunsTest, IgnoresATokenThatIsHereAlready) {
  arrive(request("r"), "t");
  arrive(request("s"), "t");
  EXPECT_THAT(happened(), ElementsAre("ask 0t"));
  EXPECT_EQ(runs_.counters().repeated, 1u);
}

TEST_F(RunsTest, AnIntentPastItsDeadlineIsNeverQueued) {
  RunRequest late = request("r");
  late.deadline = now_;
  arrive(std::move(late), "t");
  EXPECT_THAT(happened(), ElementsAre("reply 0t r expired"));
}

TEST_F(RunsTest, AnIntentWhoseDeadlinePassesInTheQueueIsAnsweredThen) {
  arrive(idempotent("r"), "t");
  RunRequest waiting = request("s");
  waiting.deadline = now_ + 1s;
  arrive(std::move(waiting), "u");
  happened();
  EXPECT_EQ(runs_.next_wake(), now_ + 1s);
  now_ += 1s;
  runs_.tick(now_);
  EXPECT_THAT(happened(), ElementsAre("reply 0u s expired"));
}

TEST_F(RunsTest, AGrantAfterTheDeadlineStartsNothing) {
  RunRequest soon = request("r");
  soon.deadline = now_ + 1s;
  arrive(std::move(soon), "t");
  happened();
  now_ += 2s;
  grant("t");
  EXPECT_THAT(happened(), ElementsAre("reply 0t r expired"));
}

TEST_F(RunsTest, TheTimeToTheDeadlineLimitsTheRun) {
  RunRequest soon = idempotent("r");
  soon.deadline = now_ + 1s;
  arrive(std::move(soon), "t");
  const auto actions = runs_.take_actions();
  EXPECT_EQ(std::get<Execute>(actions.at(1)).timeout, 1s);
}

TEST_F(RunsTest, ARepeatJoinsTheRunAndBothAreAnswered) {
  arrive(request("r"), "t");
  grant("t");
  arrive(request("r"), "u", kOtherLink);
  EXPECT_THAT(happened(), ElementsAre("ask 0t", "run 1", "ask 1u"));
  finish(1);
  EXPECT_THAT(happened(), ElementsAre("reply 0t r done", "reply 1u r done"));
}

TEST_F(RunsTest, ARunWithTwoLeasesWaitsForBothGrants) {
  arrive(request("r"), "t");
  arrive(request("r"), "u", kOtherLink);
  grant("t");
  EXPECT_THAT(happened(), ElementsAre("ask 0t", "ask 1u"));
  grant("u", kOtherLink);
  EXPECT_THAT(happened(), ElementsAre("run 1"));
}

TEST_F(RunsTest, ARepeatOfAnAnsweredRequestGetsTheStoredReply) {
  arrive(idempotent("r"), "t");
  finish(1);
  happened();
  arrive(idempotent("r"), "u");
  EXPECT_THAT(happened(), ElementsAre("reply 0u r done"));
}

TEST_F(RunsTest, AStoredReplyIsForgottenAfterItsTime) {
  arrive(idempotent("r"), "t");
  finish(1);
  happened();
  now_ += 61s;
  arrive(idempotent("r"), "u");
  EXPECT_THAT(happened(), ElementsAre("tell 0u", "run 2"));
}

TEST_F(RunsTest, TheSameIdForAnotherIntentIsNotARepeat) {
  arrive(idempotent("r"), "t");
  finish(1, success("first"));
  happened();
  RunRequest other = idempotent("r");
  other.digest.low = 2;
  arrive(std::move(other), "u");
  EXPECT_THAT(happened(), ElementsAre("tell 0u", "run 2"));
}

TEST_F(TwoWorkersTest, ACopyForAnotherGroupIsAnotherRun) {
  arrive(idempotent("r"), "t");
  RunRequest copy = idempotent("r");
  copy.name.group = "audit";
  arrive(std::move(copy), "u");
  EXPECT_THAT(happened(), ElementsAre("tell 0t", "run 1", "tell 0u", "run 2"));
}

TEST_F(RunsTest, AKeyJoinsTheRunUnderItsOwnRequestId) {
  arrive(with_key("r", "k"), "t");
  grant("t");
  arrive(with_key("s", "k"), "u");
  finish(1);
  EXPECT_THAT(happened(), ElementsAre("ask 0t", "run 1", "ask 0u", "reply 0t r done", "reply 0u s done"));
}

TEST_F(RunsTest, AKeyGetsTheStoredReplyUnderItsOwnRequestId) {
  arrive(with_key("r", "k"), "t");
  grant("t");
  finish(1);
  happened();
  arrive(with_key("s", "k"), "u");
  EXPECT_THAT(happened(), ElementsAre("reply 0u s done"));
  EXPECT_EQ(runs_.announcements("T", "default").size(), 2u);
}

TEST_F(RunsTest, AKeyThatWasUsedForAnotherIntentIsRefused) {
  arrive(with_key("r", "k"), "t");
  RunRequest running = with_key("s", "k");
  running.digest.low = 2;
  arrive(std::move(running), "u");
  grant("t");
  finish(1);
  RunRequest stored = with_key("s", "k");
  stored.digest.low = 2;
  arrive(std::move(stored), "v");
  EXPECT_THAT(happened(), ElementsAre("ask 0t", "reply 0u s invalid_request", "run 1", "reply 0t r done",
                                      "reply 0v s invalid_request"));
}

TEST_F(RunsTest, AKeyOfACancelledRunMayBeTriedAgain) {
  arrive(with_key("r", "k"), "t");
  grant("t");
  cancel("t");
  finish(1, Reply::failure("r", ErrorCode::cancelled, ""));
  happened();
  arrive(with_key("s", "k"), "u");
  EXPECT_THAT(happened(), ElementsAre("ask 0u"));
}

TEST_F(RunsTest, ACancelBeforeTheStartGivesBack) {
  arrive(request("r"), "t");
  arrive(request("s"), "u");
  happened();
  cancel("u");
  EXPECT_THAT(happened(), ElementsAre("back 0u"));
  cancel("t");
  EXPECT_THAT(happened(), ElementsAre("back 0t"));
  EXPECT_EQ(runs_.leases(), 0u);
}

TEST_F(RunsTest, ACancelOfARunKillsItOnce) {
  arrive(idempotent("r"), "t");
  happened();
  cancel("t");
  cancel("t");
  EXPECT_THAT(happened(), ElementsAre("kill 1"));
  finish(1, Reply::failure("r", ErrorCode::cancelled, ""));
  EXPECT_THAT(happened(), ElementsAre("reply 0t r cancelled"));
}

TEST_F(RunsTest, ACancelOfOneClaimLeavesTheRunToTheOther) {
  arrive(with_key("r", "k"), "t");
  grant("t");
  arrive(with_key("s", "k"), "u");
  happened();
  cancel("t");
  EXPECT_THAT(happened(), ElementsAre("reply 0t r cancelled"));
  finish(1);
  EXPECT_THAT(happened(), ElementsAre("reply 0u s done"));
}

TEST_F(RunsTest, ALostConnectionDropsWhatHasNotStarted) {
  arrive(request("r"), "t");
  arrive(request("s"), "u");
  arrive(request("x"), "v", kOtherLink);
  happened();
  lose();
  EXPECT_THAT(happened(), ElementsAre("ask 1v"));
  EXPECT_EQ(runs_.counters().dropped, 2u);
  grant("t");
  EXPECT_THAT(happened(), IsEmpty());
}

TEST_F(RunsTest, ARunGoesOnWithoutItsConnectionAndAnswersTheRepeat) {
  arrive(request("r"), "t");
  grant("t");
  lose();
  EXPECT_EQ(runs_.announcements("T", "default").size(), 1u);
  arrive(request("r"), "u");
  happened();
  finish(1);
  EXPECT_THAT(happened(), ElementsAre("reply 0u r done"));
}

TEST_F(RunsTest, AReplyWithoutAConnectionWaitsForTheRepeat) {
  arrive(request("r"), "t");
  grant("t");
  lose();
  happened();
  finish(1);
  EXPECT_THAT(happened(), IsEmpty());
  arrive(request("r"), "u");
  EXPECT_THAT(happened(), ElementsAre("reply 0u r done"));
}

TEST_F(RunsTest, AnnouncesOnlyTheRunsOfTheMembership) {
  arrive(idempotent("r"), "t");
  EXPECT_THAT(runs_.announcements("T", "other"), IsEmpty());
  EXPECT_THAT(runs_.announcements("U", "default"), IsEmpty());
}

TEST_F(RunsTest, DrainGivesBackWhatHasNotStartedAndFinishesTheRest) {
  arrive(idempotent("r"), "t");
  arrive(request("s"), "u");
  happened();
  runs_.drain(now_);
  EXPECT_THAT(happened(), ElementsAre("back 0u"));
  arrive(request("x"), "v");
  EXPECT_THAT(happened(), ElementsAre("back 0v"));
  finish(1);
  EXPECT_THAT(happened(), ElementsAre("reply 0t r done"));
}

TEST_F(RunsTest, ARunThatOutlivesTheDrainIsAnsweredDraining) {
  arrive(idempotent("r"), "t");
  happened();
  runs_.drain(now_);
  runs_.kill_all();
  EXPECT_THAT(happened(), ElementsAre("kill 1"));
  finish(1, Reply::failure("r", ErrorCode::cancelled, ""));
  EXPECT_THAT(happened(), ElementsAre("reply 0t r draining"));
}

TEST_F(RunsTest, PastTheBoundAnIntentIsOverloaded) {
  for (int number = 0; number < 8; ++number) arrive(request(std::to_string(number)), std::to_string(number));
  happened();
  arrive(request("r"), "t");
  EXPECT_THAT(happened(), ElementsAre("reply 0t r overloaded"));
}

RunRequest streamed(const std::string& id) {
  RunRequest result = request(id);
  result.stream = true;
  return result;
}

TEST_F(RunsTest, OnlyWhoAsksForEventsIsToldThatItIsAccepted) {
  arrive(streamed("r"), "t");
  EXPECT_THAT(happened(), ElementsAre("accepted 0 r", "ask 0t"));
  arrive(request("s"), "u");
  EXPECT_THAT(happened(), IsEmpty());
}

TEST_F(RunsTest, EventsGoToEveryClaimThatWantsThemAndHasALease) {
  arrive(streamed("r"), "t");
  grant("t");
  ASSERT_EQ(runs_.event_targets(1).size(), 1U);
  EXPECT_EQ(runs_.event_targets(1)[0].address.request_id, "r");
  // A repeat through another proxy joins, and is told from then on.
  happened();
  arrive(streamed("r"), "v", kOtherLink);
  EXPECT_THAT(happened(), ElementsAre("ask 1v"));
  ASSERT_EQ(runs_.event_targets(1).size(), 2U);
  lose(kLink);
  ASSERT_EQ(runs_.event_targets(1).size(), 1U);
  EXPECT_EQ(runs_.event_targets(1)[0].link, kOtherLink);
  finish(1);
  EXPECT_TRUE(runs_.event_targets(1).empty());
}

TEST_F(RunsTest, ARunStreamsWhenAnyOfItsClaimsAskedForIt) {
  arrive(request("r"), "t");
  arrive(streamed("r"), "u");
  happened();
  grant("t");
  grant("u");
  bool streams = false;
  for (const Action& action : runs_.take_actions()) {
    if (const auto* execute = std::get_if<Execute>(&action)) streams = execute->stream;
  }
  EXPECT_TRUE(streams);
  EXPECT_EQ(runs_.event_targets(1).size(), 1U);
}

TEST_F(RunsTest, ARunThatExpiresAfterItWasAcceptedHasOneEvent) {
  arrive(request("first"), "t");
  auto late = streamed("r");
  late.deadline = now_ + 1s;
  arrive(std::move(late), "u");
  happened();
  now_ += 2s;
  runs_.tick(now_);
  const auto actions = runs_.take_actions();
  const auto* reply = actions.empty() ? nullptr : std::get_if<SendReply>(&actions.back());
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(reply->reply->code, "expired");
  EXPECT_EQ(reply->reply->last_seq, 0U);
}

TEST_F(TwoWorkersTest, ASkillAtItsLimitWaitsAndOthersOvertakeIt) {
  const SkillPtr single = skill_named("single", 1);
  arrive(of_skill("r1", single), "t1");
  arrive(of_skill("r2", single), "t2");
  arrive(of_skill("r3", single), "t3");
  arrive(of_skill("o", skill_named("other")), "t4");
  EXPECT_THAT(happened(), ElementsAre("tell 0t1", "run 1", "tell 0t4", "run 4"));
  EXPECT_EQ(runs_.counters().limited, 2u);
  finish(1);
  EXPECT_THAT(happened(), ElementsAre("reply 0t1 r1 done", "tell 0t2", "run 2"));
  finish(4);
  EXPECT_THAT(happened(), ElementsAre("reply 0t4 o done"));
  finish(2);
  EXPECT_THAT(happened(), ElementsAre("reply 0t2 r2 done", "tell 0t3", "run 3"));
}

TEST_F(TwoWorkersTest, ARunThatOnlyAskedCountsForTheLimitOfItsSkill) {
  const SkillPtr single = skill_named("single", 1);
  RunRequest first = of_skill("r1", single);
  first.idempotent = false;
  arrive(std::move(first), "t1");
  arrive(of_skill("r2", single), "t2");
  EXPECT_THAT(happened(), ElementsAre("ask 0t1"));
  cancel("t1");
  EXPECT_THAT(happened(), ElementsAre("back 0t1", "tell 0t2", "run 2"));
}

TEST(RunsLimitTest, TheOperatorsLimitIsAboveTheSkills) {
  Runs runs({.workers = 3, .per_skill_max = 2, .leases_max = 8, .grant_wait_max = 5s});
  const SkillPtr wide = skill_named("wide", 3);
  for (const char* id : {"a", "b", "c"})
    runs.accept(of_skill(id, wide), {.link = 0, .token = id, .facts = {}}, SteadyTime(1h));
  EXPECT_EQ(runs.running(), 2u);
  EXPECT_EQ(runs.waiting(), 1u);
}

class BreakerRunsTest : public testing::Test {
 protected:
  BreakerRunsTest()
      : runs_({.workers = 2,
               .leases_max = 20,
               .grant_wait_max = 5s,
               .cache_bytes_max = 100000,
               .cache_time_max = 60s,
               .breaker = {.failures = 2, .cooldown = 10s, .cooldown_max = 40s}}) {}

  void arrive(const std::string& id) {
    runs_.accept(of_skill(id, skill_), {.link = 0, .token = id, .facts = {}}, now_);
  }
  std::vector<std::string> happened() {
    std::vector<std::string> texts;
    for (const Action& action : runs_.take_actions()) texts.push_back(std::visit(Describe(), action));
    return texts;
  }
  void open() {
    for (const char* id : {"f1", "f2"}) {
      arrive(id);
      for (const Action& action : runs_.take_actions()) {
        if (const auto* execute = std::get_if<Execute>(&action)) runs_.finished(execute->run, out_of_memory(), now_);
      }
    }
    happened();
  }

  SteadyTime now_{1000h};
  SkillPtr skill_ = skill_named("bad");
  Runs runs_;
};

TEST_F(BreakerRunsTest, AnOpenBreakerAnswersAtOnceAndAStoredReplyIsStillGiven) {
  open();
  arrive("r");
  EXPECT_THAT(happened(), ElementsAre("reply 0r r overloaded"));
  runs_.accept(of_skill("f1", skill_), {.link = 0, .token = "again", .facts = {}}, now_);
  EXPECT_THAT(happened(), ElementsAre("reply 0again f1 out_of_memory"));
  EXPECT_EQ(runs_.counters().refused, 1u);
}

TEST_F(BreakerRunsTest, OneProbeIsRunAfterTheCooldownAndClosesIt) {
  open();
  now_ += 10s;
  arrive("probe");
  EXPECT_THAT(happened(), ElementsAre("tell 0probe", "run 3"));
  arrive("early");
  EXPECT_THAT(happened(), ElementsAre("reply 0early early overloaded"));
  runs_.finished(3, success("well"), now_);
  arrive("later");
  EXPECT_THAT(happened(), ElementsAre("reply 0probe probe well", "tell 0later", "run 4"));
}

TEST_F(BreakerRunsTest, AProbeThatIsGivenUpLeavesTheNextOneTheProbe) {
  open();
  now_ += 10s;
  arrive("probe");
  runs_.cancel(0, "probe", now_);
  happened();
  runs_.finished(3, Reply::failure("", ErrorCode::cancelled, ""), now_);
  happened();
  arrive("next");
  EXPECT_THAT(happened(), ElementsAre("tell 0next", "run 4"));
}

TEST_F(BreakerRunsTest, WhatWaitsBehindTheLastFailureIsAnsweredToo) {
  for (const char* id : {"a", "b", "c"}) arrive(id);
  EXPECT_THAT(happened(), ElementsAre("tell 0a", "run 1", "tell 0b", "run 2"));
  runs_.finished(1, out_of_memory(), now_);
  EXPECT_THAT(happened(), ElementsAre("reply 0a a out_of_memory", "tell 0c", "run 3"));
  arrive("d");
  runs_.finished(2, out_of_memory(), now_);
  EXPECT_THAT(happened(), ElementsAre("reply 0b b out_of_memory", "reply 0d d overloaded"));
}

}  // namespace
}  // namespace skillscale
