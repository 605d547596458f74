#include "os/tree_usage.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "os/process_tree.h"
#include "os/run_cgroup.h"

namespace skillscale {
namespace {

const std::string kLine =
    "12 (a) b) (c) S 3 4 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9 1000000 250 18446744073709551615 1 1 0\n";

TEST(TreeUsageTest, ALineOfTheKernelIsReadWhateverTheNameIs) {
  const auto stat = parse_process_stat(kLine);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->parent, 3);
  EXPECT_EQ(stat->group, 4);
  EXPECT_EQ(stat->session, 5);
  EXPECT_EQ(stat->resident_pages, 250U);
}

TEST(TreeUsageTest, EveryTruncationIsAValueOrNothing) {
  const std::size_t resident = kLine.find(" 250") + 4;
  for (std::size_t length = 0; length < kLine.size(); ++length) {
    const auto stat = parse_process_stat(kLine.substr(0, length));
    if (length >= resident) {
      EXPECT_TRUE(stat) << length;
    }
    if (length <= resident - 4) {
      EXPECT_FALSE(stat) << length;
    }
  }
}

TEST(TreeUsageTest, WhatIsNoLineIsNothing) {
  for (const char* text : {"", ")", ") ", "1 (x) S a b c 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 ",
                           "1 (x) S 99999999999999999999 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 "}) {
    EXPECT_FALSE(parse_process_stat(text)) << text;
  }
}

TEST(TreeUsageTest, ThisProcessHasMemory) {
  const TreeUsage usage = tree_usage(::getpid());
  EXPECT_GE(usage.processes, 1U);
  EXPECT_GT(usage.memory_bytes, 100'000U);
  EXPECT_GE(usage.memory_bytes, usage.largest_bytes);
}

TEST(TreeUsageTest, AProcessThatIsNotThereUsesNothing) { EXPECT_EQ(tree_usage(-5).processes, 0U); }

class FolderUsageTest : public ::testing::Test {
 protected:
  FolderUsageTest() : folder_((std::filesystem::temp_directory_path() / "usage-XXXXXX").string()) {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  ~FolderUsageTest() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(FolderUsageTest, FilesAndFoldersAreCountedAndLinksAreNotFollowed) {
  std::filesystem::create_directory(folder_ + "/inside");
  std::ofstream(folder_ + "/inside/file") << std::string(100'000, 'x');
  std::filesystem::create_directory_symlink("/usr", folder_ + "/link");
  const FolderUsage usage = folder_usage(folder_, 0, 0);
  EXPECT_EQ(usage.files, 3U);
  EXPECT_GE(usage.bytes, 100'000U);
  EXPECT_LT(usage.bytes, 1'000'000U);
}

TEST_F(FolderUsageTest, NothingIsLookedAtPastTheBound) {
  for (int i = 0; i < 50; ++i) std::ofstream(folder_ + "/" + std::to_string(i)) << "x";
  EXPECT_EQ(folder_usage(folder_, 0, 10).files, 11U);
}

TEST_F(FolderUsageTest, AMissingFolderIsEmpty) { EXPECT_EQ(folder_usage(folder_ + "/none", 0, 0).files, 0U); }

TEST(RunCgroupTest, TheOwnGroupIsFoundInTheKernelsTables) {
  const std::string mounts =
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:5 - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(find_own_cgroup(mounts, "4:memory:/a\n0::/\n"), "/sys/fs/cgroup/unified");
  EXPECT_EQ(find_own_cgroup(mounts, "0::/system.slice/x.service\n"), "/sys/fs/cgroup/unified/system.slice/x.service");
  EXPECT_EQ(find_own_cgroup(mounts, "4:memory:/a\n"), std::nullopt);
  EXPECT_EQ(find_own_cgroup(mounts, "0::/../outside\n"), std::nullopt);
  EXPECT_EQ(find_own_cgroup("", "0::/\n"), std::nullopt);
  EXPECT_EQ(find_own_cgroup(" - cgroup2 ", "0::/\n"), std::nullopt);
}

TEST(RunCgroupTest, ValuesAreFoundByTheirWholeKey) {
  const std::string text = "low 1\noom 2\noom_kill 3\noom_group_kill 4\nbad x\nhuge 99999999999999999999\nlast";
  EXPECT_EQ(flat_keyed_value(text, "oom"), 2U);
  EXPECT_EQ(flat_keyed_value(text, "oom_kill"), 3U);
  for (const char* key : {"", "bad", "huge", "last", "none"}) EXPECT_EQ(flat_keyed_value(text, key), 0U) << key;
  EXPECT_EQ(flat_keyed_value("", "oom"), 0U);
}

}  // namespace
}  // namespace skillscale
