#include "engine/skill_copies.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "skills/catalogue.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

std::string text_of_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class SkillCopiesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.add_skill("a");
    tree_.write("a/scripts/run.sh", "echo one\n", true);
    tree_.write("a/references/guide.md", "guide");
    tree_.write("secret", "outside");
  }
  SkillPtr load(const std::string& name = "a") const {
    auto scanned = Catalogue::scan(tree_.root(), testing::system_interpreters());
    return scanned ? scanned->catalogue.find(name) : nullptr;
  }
  SkillPtr pin(const SkillPtr& skill) {
    auto pinned = copies_.pin(skill);
    EXPECT_TRUE(pinned) << pinned.error();
    return pinned ? *pinned : nullptr;
  }
  std::size_t folders() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(parent_.root()), fs::directory_iterator()));
  }

  testing::SkillTree tree_;
  testing::SkillTree parent_;
  SkillCopies copies_{parent_.root().string()};
};

TEST_F(SkillCopiesTest, AChangeOfTheSkillDoesNotReachTheCopy) {
  const SkillPtr skill = pin(load());
  EXPECT_NE(skill->folder, skill->source);
  EXPECT_EQ(skill->folder.filename(), "a");
  EXPECT_EQ(skill->run->argv.back(), (skill->folder / "scripts/run.sh").native());
  EXPECT_EQ(skill->scripts.front().run->argv.back(), (skill->folder / "scripts/run.sh").native());
  tree_.write("a/scripts/run.sh", "echo two\n", true);
  fs::remove_all(tree_ / "a/references");
  EXPECT_EQ(text_of_file(skill->folder / "scripts/run.sh"), "echo one\n");
  EXPECT_EQ(text_of_file(skill->folder / "references/guide.md"), "guide");
}

TEST_F(SkillCopiesTest, TheSameFilesAreCopiedOnce) {
  const SkillPtr first = pin(load());
  const SkillPtr second = pin(load());
  EXPECT_NE(first, second);
  EXPECT_EQ(first->folder, second->folder);
  tree_.write("a/scripts/run.sh", "echo two\n", true);
  EXPECT_NE(pin(load())->folder, first->folder);
  EXPECT_EQ(copies_.count(), 2U);
}

// It does not count for the digest, but a script may read it.
TEST_F(SkillCopiesTest, AHiddenFileIsCopiedAndItsChangeIsSeen) {
  tree_.write("a/.settings/values", "1");
  tree_.write("a/.git/HEAD", "no part of the skill");
  tree_.write("a/scripts/__pycache__/run.pyc", "nor this");
  const SkillPtr first = pin(load());
  EXPECT_EQ(text_of_file(first->folder / ".settings/values"), "1");
  EXPECT_FALSE(fs::exists(first->folder / ".git"));
  EXPECT_FALSE(fs::exists(first->folder / "scripts/__pycache__"));
  tree_.write("a/.settings/values", "22");
  EXPECT_EQ(text_of_file(pin(load())->folder / ".settings/values"), "22");
}

TEST_F(SkillCopiesTest, ACopyGoesWithItsLastUser) {
  SkillPtr first = pin(load());
  const fs::path folder = first->folder;
  tree_.write("a/scripts/run.sh", "echo two\n", true);
  const SkillPtr second = pin(load());
  copies_.sweep();
  EXPECT_TRUE(fs::exists(folder)) << "a run may still use it";
  first.reset();
  copies_.sweep();
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_TRUE(fs::exists(second->folder));
}

TEST_F(SkillCopiesTest, NothingIsLeftAtTheEnd) {
  {
    SkillCopies copies(parent_.root().string());
    ASSERT_TRUE(copies.pin(load()));
    EXPECT_EQ(folders(), 1U);
  }
  EXPECT_EQ(folders(), 0U);
}

TEST_F(SkillCopiesTest, AnotherServerThatStartsLeavesThemAlone) {
  const SkillPtr skill = pin(load());
  EXPECT_EQ(remove_orphaned_folders(parent_.root().string(), std::chrono::seconds(0)), 0U);
  EXPECT_TRUE(fs::exists(skill->folder / "SKILL.md"));
}

TEST_F(SkillCopiesTest, LinksInsideTheSkillStayInTheCopyAndOthersLeadWhereTheyLed) {
  tree_.link("a/references/relative.md", "guide.md");
  tree_.link("a/references/absolute.md", tree_ / "a/references/guide.md");
  tree_.link("a/references/up", "../scripts");
  tree_.link("a/references/outside", "../../secret");
  tree_.link("a/references/nowhere", "/nonexistent/file");
  const SkillPtr skill = pin(load());
  tree_.write("a/references/guide.md", "changed");
  tree_.write("secret", "changed, too");
  const fs::path references = skill->folder / "references";
  EXPECT_EQ(text_of_file(references / "relative.md"), "guide");
  EXPECT_EQ(text_of_file(references / "absolute.md"), "guide");
  EXPECT_EQ(text_of_file(references / "up/run.sh"), "echo one\n");
  EXPECT_EQ(fs::canonical(references / "outside"), tree_ / "secret");
  EXPECT_EQ(fs::read_symlink(references / "nowhere"), "/nonexistent/file");
}

// As Kubernetes mounts a ConfigMap.
TEST_F(SkillCopiesTest, AVersionThatIsSwitchedByALinkIsKept) {
  const auto text = [](const std::string& body) { return "---\nname: m\ndescription: Mounted.\n---\n" + body; };
  tree_.write("m/..v1/SKILL.md", text("one"));
  tree_.write("m/..v2/SKILL.md", text("two"));
  tree_.link("m/..data", "..v1");
  tree_.link("m/SKILL.md", "..data/SKILL.md");
  const SkillPtr first = pin(load("m"));
  tree_.link("m/..new", "..v2");
  fs::rename(tree_ / "m/..new", tree_ / "m/..data");
  fs::remove_all(tree_ / "m/..v1");
  const SkillPtr second = pin(load("m"));
  EXPECT_EQ(text_of_file(first->folder / "SKILL.md"), text("one"));
  EXPECT_EQ(text_of_file(second->folder / "SKILL.md"), text("two"));
}

TEST_F(SkillCopiesTest, PermissionsAreKeptAndWhatIsNoFileIsLeftOut) {
  ASSERT_EQ(::mkfifo((tree_ / "a/assets").c_str(), 0644), 0);
  const SkillPtr skill = pin(load());
  EXPECT_FALSE(fs::exists(skill->folder / "assets"));
  EXPECT_NE(fs::status(skill->folder / "scripts/run.sh").permissions() & fs::perms::owner_exec, fs::perms::none);
  EXPECT_EQ(fs::status(skill->folder / "SKILL.md").permissions() & fs::perms::owner_exec, fs::perms::none);
}

TEST_F(SkillCopiesTest, WhatIsNotWhatWasLoadedIsRefused) {
  const SkillPtr skill = load();
  tree_.write("a/scripts/run.sh", "echo two\n", true);
  const auto pinned = copies_.pin(skill);
  ASSERT_FALSE(pinned);
  EXPECT_EQ(pinned.error().code, ErrorCode::io_error);
  EXPECT_EQ(copies_.count(), 0U);
}

TEST_F(SkillCopiesTest, TheBoundsHold) {
  tree_.write("a/assets/large", std::string(4000, 'x'));
  tree_.add_skill("b");
  tree_.write("b/assets/large", std::string(4000, 'x'));
  SkillCopies small(parent_.root().string(), {.skill_bytes = 3000, .all_bytes = 100000});
  const auto refused = small.pin(load("a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);
  SkillCopies few(parent_.root().string(), {.skill_bytes = 5000, .all_bytes = 7000});
  EXPECT_TRUE(few.pin(load("a")));  // Dropped at once, but not swept yet.
  const auto second = few.pin(load("b"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::too_large);
  few.sweep();
  EXPECT_TRUE(few.pin(load("b")));
}

TEST_F(SkillCopiesTest, AFolderThatCannotBeMadeIsAnError) {
  SkillCopies nowhere((parent_.root() / "none").string());
  EXPECT_FALSE(nowhere.pin(load()));
}

}  // namespace
}  // namespace skillscale
