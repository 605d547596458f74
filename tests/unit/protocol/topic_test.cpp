#include "protocol/topic.h"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"

namespace skillscale {
namespace {

TEST(TopicTest, LettersDigitsAndFourSignsMakeATopic) {
  EXPECT_TRUE(is_topic("TOPIC_DATA_PROCESSING"));
  EXPECT_TRUE(is_topic("a"));
  EXPECT_TRUE(is_topic("0.a_b:c-d"));
  EXPECT_TRUE(is_topic(std::string(limits::kTopicBytesMax, 'x')));
}

TEST(TopicTest, EverythingElseIsRefused) {
  for (const std::string& name :
       {std::string(), std::string("@g/x"), std::string("_a"), std::string("a b"), std::string("a/b"), std::string("ä"),
        std::string("a\0b", 3), std::string("a\n"), std::string(limits::kTopicBytesMax + 1, 'x')}) {
    EXPECT_FALSE(is_topic(name)) << name;
  }
}

TEST(TopicTest, NamesOfTheFabricBeginWithAnAtSign) {
  EXPECT_TRUE(is_fabric_name("@cancel"));
  EXPECT_FALSE(is_fabric_name("cancel@"));
  EXPECT_FALSE(is_fabric_name(""));
}

TEST(TopicTest, AStarInAPatternStandsForAnything) {
  EXPECT_TRUE(matches_pattern("TOPIC_*", "TOPIC_"));
  EXPECT_TRUE(matches_pattern("TOPIC_*", "TOPIC_A"));
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_TRUE(matches_pattern("*_B*C", "A_B_B_C_C"));
  EXPECT_TRUE(matches_pattern("A", "A"));
  EXPECT_FALSE(matches_pattern("A", "AB"));
  EXPECT_FALSE(matches_pattern("TOPIC_*", "AGENT_REPLY_1"));
  EXPECT_FALSE(matches_pattern("*_B", "A_B_C"));
  EXPECT_FALSE(matches_pattern("", "A"));
}

TEST(TopicTest, AHostilePatternEndsSoon) {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "a*";
  EXPECT_FALSE(matches_pattern(pattern + "b", std::string(limits::kTopicBytesMax, 'a')));
}

TEST(MemberNameTest, ComesBackAsItWasEncoded) {
  const MemberName member{"TOPIC_A", "default", "0123456789abcdef", 5};
  EXPECT_EQ(encode_member_name(member), "@g/TOPIC_A/default/0123456789abcdef/5/");
  EXPECT_EQ(parse_member_name(encode_member_name(member)), member);
}

TEST(MemberNameTest, AnythingButOneWellFormedNameIsRefused) {
  for (const char* text : {"", "@g/", "@g/T/g/i/5", "@g/T/g/i/5/x", "@g/T/g/i/0/", "@g/T/g/i/05/", "@g/T/g/i/-1/",
                           "@g/T/g/i/4097/", "@g/T/g/i/99999999999999999999/", "@g/T/g/i//", "@g//g/i/5/", "@g/T//i/5/",
                           "@g/T/g//5/", "@g/T/g/i/5/5/", "@r/T/g/i/5/", "g/T/g/i/5/", "@g/T/@/i/5/"}) {
    EXPECT_FALSE(parse_member_name(text)) << text;
  }
}

TEST(MemberNameTest, TheMostCreditsAreAccepted) {
  const MemberName member{"T", "g", "i", limits::kCreditsMax};
  EXPECT_EQ(parse_member_name(encode_member_name(member)), member);
}

TEST(BarrierTest, IsRecognisedByItsPrefixAndId) {
  EXPECT_EQ(barrier_name("0af3"), "@r/0af3");
  EXPECT_TRUE(is_barrier_name("@r/0af3"));
  EXPECT_FALSE(is_barrier_name("@r/"));
  EXPECT_FALSE(is_barrier_name("@r/a/b"));
  EXPECT_FALSE(is_barrier_name("@g/0af3"));
}

}  // namespace
}  // namespace skillscale
