#include "skills/skill_scaffold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "skills/validate.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::IsEmpty;
using testing::SkillTree;
using testing::system_interpreters;

TEST(SkillScaffoldTest, WhatIsMadeIsValid) {
  for (const ScriptLanguage language : {ScriptLanguage::python, ScriptLanguage::shell}) {
    const SkillTree tree;
    const auto folder = scaffold_skill("word-counter", tree / "new", language);
    ASSERT_TRUE(folder) << folder.error();
    EXPECT_EQ(folder.value(), tree / "new/word-counter");
    EXPECT_TRUE(std::filesystem::exists(folder.value() / "tests/basic.json"));
    const auto validation = validate_skills(folder.value(), system_interpreters());
    ASSERT_TRUE(validation);
    EXPECT_EQ(validation.value().skills, 1U);
    EXPECT_THAT(validation.value().problems, IsEmpty());
  }
}

TEST(SkillScaffoldTest, NothingThatIsThereIsOverwritten) {
  const SkillTree tree;
  tree.write("mine/SKILL.md", "mine");
  const auto folder = scaffold_skill("mine", tree.root(), ScriptLanguage::python);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::io_error);
  EXPECT_FALSE(std::filesystem::exists(tree / "mine/scripts"));
  tree.write("file", "");
  EXPECT_FALSE(scaffold_skill("file", tree.root(), ScriptLanguage::python));
}

TEST(SkillScaffoldTest, NamesAreThoseOfTheSpecification) {
  const SkillTree tree;
  for (const char* name : {"", "Big", "a b", "-a", "../up", "a/b", "\xff"}) {
    const auto folder = scaffold_skill(name, tree.root(), ScriptLanguage::shell);
    ASSERT_FALSE(folder) << name;
    EXPECT_EQ(folder.error().code, ErrorCode::invalid_config);
  }
  EXPECT_TRUE(std::filesystem::is_empty(tree.root()));
}

}  // namespace
}  // namespace skillscale
