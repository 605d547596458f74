#include "skills/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::SkillTree;
using testing::system_interpreters;

Validation validate(const std::filesystem::path& folder) {
  auto validation = validate_skills(folder, system_interpreters());
  EXPECT_TRUE(validation) << validation.error();
  return validation ? std::move(*validation) : Validation();
}

TEST(ValidateTest, AGoodSkillPasses) {
  const SkillTree tree;
  tree.add_skill("good");
  tree.write("good/scripts/run.py", "print()\n");
  const Validation validation = validate(tree / "good");
  EXPECT_TRUE(validation.passed());
  EXPECT_EQ(validation.skills, 1U);
  EXPECT_THAT(validation.problems, IsEmpty());
}

TEST(ValidateTest, WhatLoadingForgivesIsAnError) {
  const SkillTree tree;
  tree.write("folder/SKILL.md", "---\nname: other\ndescription: d\nauthor: me\n---\nDo it.\n");
  const Validation validation = validate(tree.root());
  EXPECT_FALSE(validation.passed());
  ASSERT_THAT(validation.problems, SizeIs(2));
  EXPECT_EQ(to_text(validation.problems[0]),
            (tree / "folder/SKILL.md").string() + ":4: error: unknown field \"author\"");
  EXPECT_EQ(to_text(validation.problems[1]), (tree / "folder/SKILL.md").string() +
                                                 ":2: error: the name \"other\" differs from the folder's, \"folder\"");
}

TEST(ValidateTest, EverySkillOfATreeIsLookedAt) {
  const SkillTree tree;
  tree.add_skill("a/good");
  tree.write("b/bad/SKILL.md", "---\nname: bad\n---\n");
  tree.write("c/worse/SKILL.md", "");
  const Validation validation = validate(tree.root());
  EXPECT_EQ(validation.skills, 3U);
  EXPECT_THAT(validation.problems, SizeIs(2));
}

TEST(ValidateTest, AMissingInterpreterIsAnError) {
  const SkillTree tree;
  tree.add_skill("exotic");
  tree.write("exotic/scripts/run.sh", "#!/no/such/interpreter\n");
  EXPECT_FALSE(validate(tree.root()).passed());
}

TEST(ValidateTest, AMissingInterpreterOfAnyScriptIsAnError) {
  const SkillTree tree;
  tree.add_skill("exotic");
  tree.write("exotic/scripts/other.py", "#!/no/such/interpreter\n");
  EXPECT_FALSE(validate(tree.root()).passed());
}

TEST(ValidateTest, AnEntrypointThatIsNotThereIsAnError) {
  const SkillTree tree;
  tree.write("a/SKILL.md", "---\nname: a\ndescription: d\nmetadata:\n  entrypoint: scripts/main.py\n---\nDo it.\n");
  const Validation validation = validate(tree.root());
  EXPECT_FALSE(validation.passed());
  ASSERT_THAT(validation.problems, SizeIs(1));
  EXPECT_THAT(validation.problems[0].message, HasSubstr("\"scripts/main.py\" is not there"));
}

TEST(ValidateTest, ScriptsThatTheTextMentionsAreLookedFor) {
  const SkillTree tree;
  tree.write(
      "a/SKILL.md",
      "---\nname: a\ndescription: d\n---\nRun `scripts/there.py`, [this](./scripts/gone.sh) or scripts/also-gone.py.\n"
      "Not scripts/, scripts/data.csv or other/scripts/x.py.\n");
  tree.write("a/scripts/there.py", "print()\n");
  const Validation validation = validate(tree.root());
  EXPECT_TRUE(validation.passed());
  ASSERT_THAT(validation.problems, SizeIs(2));
  EXPECT_THAT(validation.problems[0].message, HasSubstr("scripts/also-gone.py, which is not there"));
  EXPECT_THAT(validation.problems[1].message, HasSubstr("scripts/gone.sh, which is not there"));
}

TEST(ValidateTest, ModulesThatThisMachineLacksAreAWarning) {
  const SkillTree tree;
  tree.add_skill("a");
  tree.write("a/scripts/run.py", "import no_such_module\n");
  const Validation validation = validate(tree.root());
  EXPECT_TRUE(validation.passed());
  ASSERT_THAT(validation.problems, SizeIs(1));
  EXPECT_THAT(validation.problems[0].message, HasSubstr("has not: no_such_module"));
}

TEST(ValidateTest, TheFieldsOfOtherDialectsAreErrors) {
  const SkillTree tree;
  tree.write("a/SKILL.md",
             "---\nname: a\ndescription: d\nentrypoint: scripts/main.py\nallow_network: true\n---\nDo it.\n");
  tree.write("a/scripts/main.py", "def run(x): return x\n");
  const Validation validation = validate(tree.root());
  EXPECT_FALSE(validation.passed());
  ASSERT_THAT(validation.problems, SizeIs(2));
  EXPECT_THAT(validation.problems[0].message, HasSubstr("\"entrypoint\" belongs under \"metadata\""));
  EXPECT_THAT(validation.problems[1].message, HasSubstr("belongs under \"metadata\" as \"allow-network\""));
}

TEST(ValidateTest, TheReferenceValidatorsRulesForNamesOfOtherScripts) {
  const SkillTree tree;
  tree.add_skill("техника");
  // The folder's name is decomposed, the skill's is not: the same name.
  tree.write("e\xcc\x81tude/SKILL.md", "---\nname: \xc3\xa9tude\ndescription: d\n---\nDo it.\n");
  EXPECT_THAT(validate(tree.root()).problems, IsEmpty());
  tree.write("Навык/SKILL.md", "---\nname: Навык\ndescription: d\n---\nDo it.\n");
  EXPECT_FALSE(validate(tree / "Навык").passed());
}

TEST(ValidateTest, TwoSkillsWithOneNameAreAnError) {
  const SkillTree tree;
  tree.add_skill("a/same");
  tree.add_skill("b/same");
  const Validation validation = validate(tree.root());
  ASSERT_THAT(validation.problems, SizeIs(1));
  EXPECT_THAT(validation.problems[0].message, HasSubstr("a/same has the same name"));
}

TEST(ValidateTest, ASkillThatIsEmptyIsWarnedAbout) {
  const SkillTree tree;
  tree.write("empty/SKILL.md", "---\nname: empty\ndescription: Does nothing.\n---\n");
  const Validation validation = validate(tree.root());
  EXPECT_TRUE(validation.passed());
  EXPECT_THAT(validation.problems, SizeIs(1));
}

TEST(ValidateTest, NoSkillAtAllIsAnError) {
  const SkillTree tree;
  const Validation validation = validate(tree.root());
  EXPECT_FALSE(validation.passed());
  EXPECT_EQ(validation.skills, 0U);
}

TEST(ValidateTest, AFolderThatIsNotThereIsAnInvalidSetting) {
  const auto validation = validate_skills("/no/such/folder", system_interpreters());
  ASSERT_FALSE(validation);
  EXPECT_EQ(validation.error().code, ErrorCode::invalid_config);
}

TEST(ValidateTest, TheSkillsThatShipWithSkillScaleAreValid) {
  const std::filesystem::path skills = std::filesystem::path(SKILLSCALE_SOURCE_DIR) / "skills";
  const Validation validation = validate(skills);
  EXPECT_TRUE(validation.passed());
  EXPECT_GE(validation.skills, 3U);
  for (const Problem& problem : validation.problems) ADD_FAILURE() << problem;
}

}  // namespace
}  // namespace skillscale
