#include "skills/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::SkillTree;
using testing::system_interpreters;

ScanResult scan(const SkillTree& tree) {
  auto result = Catalogue::scan(tree.root(), system_interpreters());
  EXPECT_TRUE(result) << result.error();
  return result ? std::move(*result) : ScanResult();
}

// Problems with paths relative to the tree.
std::vector<std::string> problems_of(const ScanResult& result, const SkillTree& tree) {
  std::vector<std::string> texts;
  for (Problem problem : result.problems) {
    problem.file = problem.file.lexically_relative(tree.root());
    texts.push_back(to_text(problem));
  }
  return texts;
}

TEST(CatalogueTest, SkillsAreFoundBelowTheDirectoryAndSortedByName) {
  const SkillTree tree;
  tree.add_skill("z-group/beta");
  tree.add_skill("alpha");
  tree.add_skill("a-group/deep/er/gamma");
  const ScanResult result = scan(tree);
  EXPECT_THAT(result.catalogue.names(), ElementsAre("alpha", "beta", "gamma"));
  EXPECT_THAT(problems_of(result, tree), IsEmpty());
  ASSERT_TRUE(result.catalogue.find("gamma"));
  EXPECT_EQ(result.catalogue.find("gamma")->folder, tree / "a-group/deep/er/gamma");
  EXPECT_FALSE(result.catalogue.find("delta"));
}

TEST(CatalogueTest, TheDirectoryItselfMayBeASkill) {
  const SkillTree tree;
  tree.add_skill("alone");
  auto result = Catalogue::scan(tree / "alone", system_interpreters());
  ASSERT_TRUE(result);
  EXPECT_THAT(result->catalogue.names(), ElementsAre("alone"));
  EXPECT_THAT(result->problems, IsEmpty());
}

TEST(CatalogueTest, NothingIsLookedForInsideASkillOrInHiddenFolders) {
  const SkillTree tree;
  tree.add_skill("outer");
  tree.add_skill("outer/references/inner");
  tree.add_skill(".hidden/secret");
  tree.add_skill("node_modules/package");
  EXPECT_THAT(scan(tree).catalogue.names(), ElementsAre("outer"));
}

TEST(CatalogueTest, FoldersBeyondTheDepthAreReported) {
  const SkillTree tree;
  tree.add_skill("1/2/3/4/5/six");
  tree.add_skill("1/2/3/4/5/6/seven");
  const ScanResult result = scan(tree);
  EXPECT_THAT(result.catalogue.names(), ElementsAre("six"));
  EXPECT_THAT(problems_of(result, tree),
              ElementsAre("1/2/3/4/5/6/seven: warning: not looked at: more than 6 folders deep"));
}

TEST(CatalogueTest, LinksOutOfTheTreeAreNotFollowed) {
  const SkillTree outside;
  outside.add_skill("stolen");
  const SkillTree tree;
  tree.add_skill("own");
  tree.link("linked", outside / "stolen");
  tree.link("file/SKILL.md", outside / "stolen/SKILL.md");
  const ScanResult result = scan(tree);
  EXPECT_THAT(result.catalogue.names(), ElementsAre("own"));
  EXPECT_THAT(problems_of(result, tree),
              ElementsAre("linked: warning: not followed: the link leads out of the skills directory",
                          "file/SKILL.md: error: not read: the link leads out of the skills directory"));
}

TEST(CatalogueTest, LinksInsideTheTreeAreFollowedOnce) {
  const SkillTree tree;
  tree.add_skill("store/real");
  tree.link("again", tree / "store/real");
  tree.link("store/loop", tree.root());
  const ScanResult result = scan(tree);
  EXPECT_THAT(result.catalogue.names(), ElementsAre("real"));
  EXPECT_THAT(problems_of(result, tree), IsEmpty());
}

TEST(CatalogueTest, AMountOfAConfigMapIsASkill) {
  const SkillTree tree;
  tree.write("mounted/..2026/SKILL.md", "---\nname: mounted\ndescription: Does it.\n---\n");
  tree.link("mounted/..data", "..2026");
  tree.link("mounted/SKILL.md", "..data/SKILL.md");
  EXPECT_THAT(scan(tree).catalogue.names(), ElementsAre("mounted"));
}

TEST(CatalogueTest, OfTwoSkillsWithOneNameTheFirstInPathOrderWins) {
  const SkillTree tree;
  tree.write("b/SKILL.md", "---\nname: same\ndescription: From b.\n---\n");
  tree.write("a/SKILL.md", "---\nname: same\ndescription: From a.\n---\n");
  const ScanResult result = scan(tree);
  ASSERT_THAT(result.catalogue.all(), SizeIs(1));
  EXPECT_EQ(result.catalogue.find("same")->description, "From a.");
  EXPECT_THAT(problems_of(result, tree).back(), HasSubstr("b/SKILL.md: error: not loaded:"));
}

TEST(CatalogueTest, WhatCannotBeUsedIsReportedAndTheRestIsLoaded) {
  const SkillTree tree;
  tree.add_skill("good");
  tree.write("broken/SKILL.md", "no frontmatter");
  tree.write("small/skill.md", "---\nname: small\ndescription: d\n---\nDo it.\n");
  std::filesystem::create_directories(tree / "folder/SKILL.md");
  std::filesystem::create_directories(tree / "pipe");
  ASSERT_EQ(::mkfifo((tree / "pipe/SKILL.md").c_str(), 0600), 0);
  const ScanResult result = scan(tree);
  EXPECT_THAT(result.catalogue.names(), ElementsAre("good", "small"));
  EXPECT_THAT(problems_of(result, tree),
              ElementsAre("broken/SKILL.md:1: error: no frontmatter: the first line must be ---",
                          "folder/SKILL.md: error: not a regular file", "pipe/SKILL.md: error: not a regular file",
                          "small/skill.md: warning: the file should be called SKILL.md"));
}

TEST(CatalogueTest, TheNumberOfSkillsIsBounded) {
  const SkillTree tree;
  for (std::size_t i = 0; i <= limits::kSkillsMax; ++i) tree.add_skill("s" + std::to_string(i));
  const ScanResult result = scan(tree);
  EXPECT_THAT(result.catalogue.all(), SizeIs(limits::kSkillsMax));
  ASSERT_THAT(result.problems, SizeIs(1));
  EXPECT_THAT(result.problems[0].message, HasSubstr("more than 1000 skills"));
}

TEST(CatalogueTest, ADirectoryThatCannotBeReadIsAnInvalidSetting) {
  const SkillTree tree;
  tree.write("file", "");
  for (const auto& path : {tree / "missing", tree / "file"}) {
    const auto result = Catalogue::scan(path, system_interpreters());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_config);
    EXPECT_THAT(result.error().detail, HasSubstr(path.string()));
  }
}

TEST(CatalogueTest, TheEntryScriptIsResolvedToAbsolutePaths) {
  const SkillTree tree;
  tree.add_skill("shell");
  tree.write("shell/scripts/run.sh", "echo\n");
  tree.write("shell/scripts/run.py", "print()\n");
  tree.add_skill("python");
  tree.write("python/scripts/run.py", "print()\n");
  tree.add_skill("text");
  const Catalogue catalogue = scan(tree).catalogue;
  ASSERT_TRUE(catalogue.find("shell")->run) << "run.sh comes first";
  EXPECT_EQ(catalogue.find("shell")->run->program, "/bin/sh");
  EXPECT_THAT(catalogue.find("shell")->run->argv, ElementsAre("/bin/sh", tree / "shell/scripts/run.sh"));
  ASSERT_TRUE(catalogue.find("python")->run);
  EXPECT_THAT(catalogue.find("python")->run->argv, ElementsAre("/usr/bin/python3", tree / "python/scripts/run.py"));
  EXPECT_TRUE(catalogue.find("text")->instructions_only());
  EXPECT_EQ(catalogue.find("text")->body, "Do it.");
}

TEST(CatalogueTest, ASkillWithoutItsInterpreterIsListedWithTheReason) {
  const SkillTree tree;
  tree.add_skill("exotic");
  tree.write("exotic/scripts/run.sh", "#!/usr/bin/env no-such-interpreter\n");
  const ScanResult result = scan(tree);
  const SkillPtr skill = result.catalogue.find("exotic");
  ASSERT_TRUE(skill);
  EXPECT_FALSE(skill->run);
  EXPECT_FALSE(skill->instructions_only());
  EXPECT_THAT(skill->not_runnable, HasSubstr("no-such-interpreter"));
  EXPECT_THAT(problems_of(result, tree), ElementsAre(HasSubstr("exotic/scripts/run.sh:1: error: cannot be run")));
}

TEST(CatalogueTest, AScriptOutsideTheTreeIsNotRun) {
  const SkillTree outside;
  outside.write("evil.sh", "echo evil\n");
  const SkillTree tree;
  tree.add_skill("linked");
  tree.link("linked/scripts/run.sh", outside / "evil.sh");
  tree.add_skill("dangling");
  tree.link("dangling/scripts/run.sh", "nowhere");
  const Catalogue catalogue = scan(tree).catalogue;
  EXPECT_FALSE(catalogue.find("linked")->run);
  EXPECT_FALSE(catalogue.find("dangling")->run);
  EXPECT_THAT(catalogue.find("linked")->not_runnable, HasSubstr("out of the skills directory"));
}

Catalogue catalogue_of(const std::vector<std::string>& names) {
  std::vector<SkillPtr> skills;
  for (const std::string& name : names) {
    Skill skill;
    skill.name = name;
    skills.push_back(std::make_shared<const Skill>(std::move(skill)));
  }
  return Catalogue::of(skills);
}

TEST(CatalogueTest, AnUnknownNameIsAnsweredWithTheNamesThereAre) {
  const Catalogue catalogue = catalogue_of({"text-summarizer", "csv-analyzer"});
  EXPECT_EQ(unknown_skill_text(catalogue, "x"), "unknown skill \"x\"; this server has: csv-analyzer, text-summarizer");
  EXPECT_EQ(
      unknown_skill_text(catalogue, "CSV_analyser"),
      "unknown skill \"CSV_analyser\"; this server has: csv-analyzer, text-summarizer; did you mean \"csv-analyzer\"?");
  EXPECT_EQ(unknown_skill_text(Catalogue(), "x"), "unknown skill \"x\"; this server has no skills");
}

TEST(CatalogueTest, ErrorTextsAreBounded) {
  std::vector<std::string> names;
  for (int i = 100; i < 200; ++i) names.push_back("skill-" + std::to_string(i));
  const std::string text = unknown_skill_text(catalogue_of(names), std::string(100000, '\n'));
  EXPECT_THAT(text, HasSubstr("skill-119 and 80 more"));
  EXPECT_LT(text.size(), 1000U);
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace skillscale
