#include "skills/selection.h"

#include <gtest/gtest.h>

namespace skillscale {
namespace {

SkillPtr skill(const std::string& name, const std::string& description, const std::string& version = "1.0.0") {
  Skill made;
  made.name = name;
  made.description = description;
  made.version = version;
  return std::make_shared<const Skill>(made);
}

class SelectionTest : public ::testing::Test {
 protected:
  Result<SkillPtr> select(const Intent& intent) { return select_skill(catalogue_, matcher_, intent); }

  Catalogue catalogue_ = Catalogue::of({skill("csv-analyzer", "Analyses CSV files: columns, types, statistics."),
                                        skill("text-summarizer", "Summarises long texts and articles.")});
  Matcher matcher_{catalogue_};
};

TEST_F(SelectionTest, TheNamedSkillIsTaken) {
  Intent intent;
  intent.skill = "csv-analyzer";
  intent.task = "summarise this article";
  EXPECT_EQ((*select(intent))->name, "csv-analyzer");
}

TEST_F(SelectionTest, AnUnknownNameListsWhatThereIs) {
  Intent intent;
  intent.skill = "csv-analyser";
  intent.task = "summarise this article";
  const auto selected = select(intent);
  ASSERT_FALSE(selected) << "never run another skill than the named one";
  EXPECT_EQ(selected.error().code, ErrorCode::unknown_skill);
  EXPECT_NE(selected.error().detail.find("csv-analyzer, text-summarizer"), std::string::npos);
}

TEST_F(SelectionTest, AnotherVersionIsUnknown) {
  Intent intent;
  intent.skill = "csv-analyzer";
  intent.skill_version = "2.0.0";
  ASSERT_FALSE(select(intent));
  intent.skill_version = "1.0.0";
  EXPECT_TRUE(select(intent));
}

TEST_F(SelectionTest, TheTextDecidesWhenNoSkillIsNamed) {
  Intent intent;
  intent.task = "please summarise this article";
  EXPECT_EQ((*select(intent))->name, "text-summarizer");
  intent.task = "hello";
  ASSERT_FALSE(select(intent));
  EXPECT_EQ(select(intent).error().code, ErrorCode::unknown_skill);
  intent.task = "";
  EXPECT_FALSE(select(intent));
}

}  // namespace
}  // namespace skillscale
