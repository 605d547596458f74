#include "skills/skill_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/limits.h"
#include "skills/sha256.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SkillTree;

std::vector<std::string> paths(const SkillTree& tree, const std::string& below = {}) {
  const auto files = list_skill_files(tree.root(), tree.root(), below);
  EXPECT_TRUE(files) << files.error();
  std::vector<std::string> result;
  if (files) {
    for (const SkillFile& file : files.value()) result.push_back(file.path);
  }
  return result;
}

std::string digest(const SkillTree& tree) {
  const auto value = digest_of_skill(tree.root());
  EXPECT_TRUE(value) << value.error();
  return value ? value.value() : std::string();
}

TEST(Sha256Test, KnownValues) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 sum;
  sum.add("a");
  sum.add("bc");
  EXPECT_EQ(sum.finish(), sha256_of("abc"));
}

TEST(SkillFilesTest, FilesAreListedInTheOrderOfTheirPathsWithoutHiddenOnes) {
  const SkillTree tree;
  tree.write("b.md", "b");
  tree.write("a/z.py", "z", true);
  tree.write("a.md", "a");
  tree.write(".git/config", "x");
  tree.write("a/__pycache__/z.pyc", "x");
  tree.write("a/.z.swp", "x");
  ASSERT_EQ(::mkfifo((tree / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(paths(tree), ElementsAre("a.md", "a/z.py", "b.md"));
  EXPECT_THAT(paths(tree, "a"), ElementsAre("a/z.py"));
  EXPECT_THAT(paths(tree, "missing"), IsEmpty());
}

TEST(SkillFilesTest, LinksAreFollowedInsideOnlyAndNotInCircles) {
  const SkillTree outside;
  outside.write("secret", "s");
  const SkillTree tree;
  tree.write("real/file", "f");
  tree.link("again", "real");
  tree.link("real/loop", "..");
  tree.link("alias", "real/file");
  tree.link("out", outside / "secret");
  tree.link("nowhere", "missing");
  const auto files = list_skill_files(tree.root(), tree.root());
  ASSERT_TRUE(files);
  std::vector<std::string> seen;
  for (const SkillFile& file : files.value()) {
    seen.push_back(file.path + (file.link_outside.empty() ? "" : " -> " + file.link_outside));
  }
  EXPECT_THAT(seen, ElementsAre("again/file", "again/loop -> ..", "alias", "nowhere -> missing",
                                "out -> " + (outside / "secret").string(), "real/file", "real/loop -> .."));
}

TEST(SkillFilesTest, TheDigestIsThatOfItsDescription) {
  const SkillTree tree;
  tree.write("SKILL.md", "text");
  tree.write("scripts/run.sh", "echo\n", true);
  std::string description = "- 4 " + sha256_of("text") + " SKILL.md";
  description.push_back('\0');
  description += "x 5 " + sha256_of("echo\n") + " scripts/run.sh";
  description.push_back('\0');
  EXPECT_EQ(digest(tree), "sha256:" + sha256_of(description));
}

TEST(SkillFilesTest, NamesContentsModesAndLinksCount) {
  const SkillTree tree;
  tree.write("a", "1");
  std::vector<std::string> digests = {digest(tree)};
  tree.write("a", "2");
  digests.push_back(digest(tree));
  tree.write("a", "2", true);
  digests.push_back(digest(tree));
  std::filesystem::rename(tree / "a", tree / "b");
  digests.push_back(digest(tree));
  tree.link("c", "/somewhere");
  digests.push_back(digest(tree));
  tree.write("empty", "");
  digests.push_back(digest(tree));
  for (std::size_t i = 0; i < digests.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(digests[i], digests[j]) << i << ' ' << j;
  }
  tree.write(".hidden", "x");
  EXPECT_EQ(digest(tree), digests.back());
}

TEST(SkillFilesTest, FilesDepthAndBytesAreBounded) {
  const SkillTree many;
  for (std::size_t i = 0; i <= limits::kSkillFilesMax; ++i) many.write("f" + std::to_string(i), "");
  const auto listed = list_skill_files(many.root(), many.root());
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::too_large);
  EXPECT_THAT(listed.error().detail, HasSubstr("more than 10000 files"));

  const SkillTree deep;
  std::string path;
  for (std::size_t i = 0; i <= limits::kSkillFileDepthMax; ++i) path += "d/";
  deep.write(path + "f", "");
  EXPECT_EQ(list_skill_files(deep.root(), deep.root()).error().code, ErrorCode::too_large);

  const SkillTree large;
  large.write("hole", "");
  std::filesystem::resize_file(large / "hole", limits::kSkillFilesBytesMax + 1);
  const auto sum = digest_of_skill(large.root());
  ASSERT_FALSE(sum);
  EXPECT_EQ(sum.error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace skillscale
