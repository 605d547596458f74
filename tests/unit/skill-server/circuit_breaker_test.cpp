#include "skill-server/circuit_breaker.h"

#include <gtest/gtest.h>

#include <string>

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using Answer = CircuitBreakers::Answer;

Skill skill(const std::string& name, const std::string& digest = "one") {
  Skill result;
  result.name = name;
  result.digest = digest;
  return result;
}

class CircuitBreakersTest : public testing::Test {
 protected:
  void fail(int times, bool probe = false) {
    for (int time = 0; time < times; ++time) breakers_.ended(bad_, Verdict::broken, probe, now_);
  }
  // A probe that is run and ends so.
  void probe(Verdict verdict) {
    ASSERT_EQ(breakers_.on_start(bad_, now_), Answer::go);
    ASSERT_TRUE(breakers_.is_probing(bad_));
    breakers_.ended(bad_, verdict, true, now_);
  }

  const Skill bad_ = skill("bad");
  SteadyTime now_{1000h};
  CircuitBreakers breakers_{{.failures = 3, .cooldown = 10s, .cooldown_max = 30s}};
};

TEST_F(CircuitBreakersTest, OpensAfterFailuresInARow) {
  fail(2);
  EXPECT_EQ(breakers_.on_arrival(bad_, now_), Answer::go);
  fail(1);
  EXPECT_EQ(breakers_.on_arrival(bad_, now_), Answer::refuse);
  EXPECT_EQ(breakers_.on_start(bad_, now_), Answer::refuse);
  EXPECT_EQ(breakers_.state("bad", now_), BreakerState::open);
  EXPECT_EQ(breakers_.opened(), 1u);
}

TEST_F(CircuitBreakersTest, ASuccessInBetweenBeginsTheCountAnew) {
  fail(2);
  breakers_.ended(bad_, Verdict::healthy, false, now_);
  fail(2);
  EXPECT_EQ(breakers_.on_arrival(bad_, now_), Answer::go);
}

TEST_F(CircuitBreakersTest, WhatSaysNothingOfTheSkillCountsNeitherWay) {
  fail(2);
  breakers_.ended(bad_, Verdict::neutral, false, now_);
  fail(1);
  EXPECT_EQ(breakers_.state("bad", now_), BreakerState::open);
}

TEST_F(CircuitBreakersTest, OtherSkillsAreNotTouched) {
  fail(3);
  EXPECT_EQ(breakers_.on_arrival(skill("good"), now_), Answer::go);
  EXPECT_EQ(breakers_.not_closed(now_).size(), 1u);
}

TEST_F(CircuitBreakersTest, OnlyOneRunProbesItAndItsSuccessCloses) {
  fail(3);
  now_ += 10s;
  EXPECT_EQ(breakers_.state("bad", now_), BreakerState::half_open);
  EXPECT_EQ(breakers_.on_arrival(bad_, now_), Answer::go);
  EXPECT_EQ(breakers_.on_start(bad_, now_), Answer::go);
  EXPECT_EQ(breakers_.on_start(bad_, now_), Answer::wait);
  EXPECT_EQ(breakers_.on_arrival(bad_, now_), Answer::refuse);
  breakers_.ended(bad_, Verdict::healthy, true, now_);
  EXPECT_EQ(breakers_.state("bad", now_), BreakerState::closed);
  EXPECT_EQ(breakers_.on_start(bad_, now_), Answer::go);
  EXPECT_FALSE(breakers_.is_probing(bad_));
}

TEST_F(CircuitBreakersTest, EachFailedProbeDoublesTheCooldownUpToItsBound) {
  fail(3);
  for (const auto cooldown : {10s, 20s, 30s, 30s}) {
    now_ += cooldown - 1ms;
    EXPECT_EQ(breakers_.on_start(bad_, now_), Answer::refuse) << cooldown.count();
    now_ += 1ms;
    probe(Verdict::broken);
  }
  EXPECT_EQ(breakers_.opened(), 5u);
}

TEST_F(CircuitBreakersTest, AProbeThatSaidNothingIsFollowedByAnother) {
  fail(3);
  now_ += 10s;
  probe(Verdict::neutral);
  probe(Verdict::healthy);
  EXPECT_EQ(breakers_.state("bad", now_), BreakerState::closed);
}

TEST_F(CircuitBreakersTest, RunsThatBeganBeforeItOpenedChangeNothing) {
  fail(3);
  breakers_.ended(bad_, Verdict::healthy, false, now_);
  fail(5);
  EXPECT_EQ(breakers_.state("bad", now_), BreakerState::open);
  now_ += 10s;
  EXPECT_EQ(breakers_.state("bad", now_), BreakerState::half_open);
}

TEST_F(CircuitBreakersTest, ARepairedSkillBeginsAnew) {
  fail(3);
  EXPECT_EQ(breakers_.on_start(skill("bad", "two"), now_), Answer::go);
  breakers_.ended(skill("bad", "two"), Verdict::broken, false, now_);
  EXPECT_EQ(breakers_.on_arrival(bad_, now_), Answer::refuse) << "a late run of another version does not close it";
  breakers_.keep([](std::string_view, std::string_view digest) { return digest == "two"; });
  EXPECT_TRUE(breakers_.not_closed(now_).empty());
}

TEST_F(CircuitBreakersTest, NoneOpensWhenTheOperatorWantsNone) {
  CircuitBreakers none({.failures = 0, .cooldown = 10s, .cooldown_max = 30s});
  for (int time = 0; time < 100; ++time) none.ended(bad_, Verdict::broken, false, now_);
  EXPECT_EQ(none.on_arrival(bad_, now_), Answer::go);
}

TEST_F(CircuitBreakersTest, TheRefusalSaysWhyAndForHowLong) {
  fail(3);
  const std::string text = breakers_.refusal(bad_, now_);
  EXPECT_NE(text.find("\"bad\""), std::string::npos) << text;
  EXPECT_NE(text.find("3 times in a row"), std::string::npos) << text;
  EXPECT_NE(text.find("10000 ms"), std::string::npos) << text;
}

Reply failed(ErrorCode code, std::optional<int> signal = std::nullopt) {
  Reply reply = Reply::failure("r", code, "why");
  if (signal) reply.exit = Reply::Exit{.code = std::nullopt, .signal = signal};
  return reply;
}

TEST(VerdictTest, CrashesTimeOutsAndFailedStartsAreTheSkillsFault) {
  EXPECT_EQ(verdict_of(failed(ErrorCode::skill_failed, 11), true), Verdict::broken);
  EXPECT_EQ(verdict_of(failed(ErrorCode::timed_out), true), Verdict::broken);
  EXPECT_EQ(verdict_of(failed(ErrorCode::out_of_memory), true), Verdict::broken);
  EXPECT_EQ(verdict_of(failed(ErrorCode::spawn_failed), true), Verdict::broken);
}

TEST(VerdictTest, AnExitStatusIsAnOrderlyEnd) {
  Reply reply;
  reply.success = true;
  EXPECT_EQ(verdict_of(reply, true), Verdict::healthy);
  EXPECT_EQ(verdict_of(failed(ErrorCode::skill_failed), true), Verdict::healthy);
}

TEST(VerdictTest, AnAgentThatGivesNoTimeProvesNothing) {
  EXPECT_EQ(verdict_of(failed(ErrorCode::timed_out), false), Verdict::neutral);
}

TEST(VerdictTest, WhatOthersDidIsNeutral) {
  for (const ErrorCode code :
       {ErrorCode::cancelled, ErrorCode::draining, ErrorCode::internal, ErrorCode::output_too_large,
        ErrorCode::not_allowed, ErrorCode::unknown_script, ErrorCode::invalid_request}) {
    EXPECT_EQ(verdict_of(failed(code), true), Verdict::neutral) << name_of(code);
  }
  Reply reply = failed(ErrorCode::internal);
  reply.code = "of_the_future";
  EXPECT_EQ(verdict_of(reply, true), Verdict::neutral);
}

}  // namespace
}  // namespace skillscale
