#include "skills/skill_name.h"

#include <gtest/gtest.h>

#include <string>

namespace skillscale {
namespace {

TEST(SkillNameTest, LettersAndDigitsOfEveryScriptAreFine) {
  for (const char* name : {"a", "pdf-processing", "csv2json", "техническое-письмо", "技能", "compétence", "ß1"}) {
    EXPECT_EQ(fault_in_name(name), "") << name;
  }
}

TEST(SkillNameTest, CapitalsOfEveryScriptAreNot) {
  for (const char* name : {"Pdf", "Навык", "École", "ǅ"})
    EXPECT_EQ(fault_in_name(name), "must be in lower case") << name;
}

TEST(SkillNameTest, OtherCharactersAreNot) {
  for (const char* name : {"a_b", "a b", "a.b", "a/b", "🙂", "a\xcc\x81-", "–"})
    EXPECT_NE(fault_in_name(name), "") << name;
  EXPECT_EQ(fault_in_name("-a"), "must not begin or end with a hyphen");
  EXPECT_EQ(fault_in_name("a--b"), "must not hold two hyphens in a row");
  EXPECT_EQ(fault_in_name("\xff"), "is not UTF-8");
}

TEST(SkillNameTest, LengthIsCountedInCharacters) {
  std::string name;
  for (int i = 0; i < 64; ++i) name += "é";
  EXPECT_EQ(fault_in_name(name), "");
  EXPECT_EQ(fault_in_name(name + "e"), "is longer than 64 characters");
}

TEST(SkillNameTest, TheNormalFormIsOneSpelling) {
  EXPECT_EQ(normalized_name("e\xcc\x81"), "é");
  EXPECT_EQ(normalized_name("\xef\xac\x81le"), "file") << "a ligature";
  EXPECT_EQ(normalized_name("\xff\xfe"), "\xff\xfe") << "left as it is";
  EXPECT_EQ(normalized_name(""), "");
}

}  // namespace
}  // namespace skillscale
