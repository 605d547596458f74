#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "engine/run_folder.h"
#include "support/skill_tree.h"

namespace skillscale::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class OrphanedFoldersTest : public ::testing::Test {
 protected:
  // As a server leaves it that is killed in the middle of a run.
  fs::path leave(const std::string& name) {
    const fs::path folder = tree_.root() / name;
    fs::create_directories(folder / ".home" / "deep");
    tree_.write(name + "/secret.txt", "x");
    return folder;
  }
  std::size_t sweep(std::chrono::seconds age_min = 0s) { return remove_orphaned_folders(tree_.root(), age_min); }

  SkillTree tree_;
};

TEST_F(OrphanedFoldersTest, WhatNobodyHoldsIsRemoved) {
  const fs::path run = leave("skillscale-run-a");
  const fs::path shim = leave("skillscale-python-b");
  const fs::path copies = leave("skillscale-skills-c");
  EXPECT_EQ(sweep(), 3U);
  EXPECT_FALSE(fs::exists(run));
  EXPECT_FALSE(fs::exists(shim));
  EXPECT_FALSE(fs::exists(copies));
}

TEST_F(OrphanedFoldersTest, TheFolderOfALivingRunStays) {
  const auto folder = RunFolder::create(tree_.root());
  ASSERT_TRUE(folder) << folder.error();
  EXPECT_EQ(sweep(), 0U);
  EXPECT_TRUE(fs::exists(folder->home()));
}

TEST_F(OrphanedFoldersTest, AYoungFolderStays) {
  const fs::path run = leave("skillscale-run-a");
  EXPECT_EQ(sweep(60s), 0U);
  EXPECT_TRUE(fs::exists(run));
}

TEST_F(OrphanedFoldersTest, OtherFoldersFilesAndLinksStay) {
  const fs::path other = leave("somebody-else");
  tree_.write("skillscale-run-file", "x");
  fs::create_directory_symlink(other, tree_.root() / "skillscale-run-link");
  EXPECT_EQ(sweep(), 0U);
  EXPECT_TRUE(fs::exists(other / "secret.txt"));
  EXPECT_TRUE(fs::exists(tree_.root() / "skillscale-run-file"));
}

TEST_F(OrphanedFoldersTest, AFolderThatIsNotThereHasNone) {
  EXPECT_EQ(remove_orphaned_folders((tree_.root() / "nowhere").native(), 0s), 0U);
}

}  // namespace
}  // namespace skillscale::testing
