// Collecting from folders that a hostile run has left.
#include "engine/artifacts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/skill_tree.h"

namespace skillscale {
namespace {

class ArtifactsTest : public ::testing::Test {
 protected:
  Result<Collected> collect(std::vector<std::string> patterns, ArtifactBounds bounds = {}) {
    std::vector<Glob> globs;
    for (const std::string& pattern : patterns) globs.push_back(*Glob::parse(pattern));
    const Fd folder(::open(tree_.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return collect_artifacts(folder, globs, bounds);
  }

  testing::SkillTree tree_;
};

TEST_F(ArtifactsTest, AFileComesWithItsTypeAndSum) {
  tree_.write("out/b.CSV", "abc");
  tree_.write("out/a.bin", "");
  tree_.write("other", "no");
  const auto collected = collect({"out/*"});
  ASSERT_TRUE(collected) << collected.error();
  ASSERT_EQ(collected->artifacts.size(), 2U);
  EXPECT_EQ(collected->artifacts[0].path, "out/a.bin");
  EXPECT_EQ(collected->artifacts[1].path, "out/b.CSV");
  EXPECT_EQ(collected->artifacts[1].mime, "text/csv");
  EXPECT_EQ(collected->artifacts[1].content, "abc");
  EXPECT_EQ(collected->artifacts[1].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(collected->bytes, 3U);
  EXPECT_TRUE(collected->warnings.empty());
}

TEST_F(ArtifactsTest, LinksPipesAndSecondNamesAreLeftOut) {
  testing::SkillTree outside;
  outside.write("secret", "secret");
  tree_.link("link", outside / "secret");
  tree_.link("folder", outside.root());
  ASSERT_EQ(::mkfifo((tree_ / "pipe").c_str(), 0600), 0);
  ASSERT_EQ(::link((outside / "secret").c_str(), (tree_ / "hard").c_str()), 0);
  tree_.write("good", "good");
  const auto collected = collect({"**", "folder/secret"});
  ASSERT_TRUE(collected) << collected.error();
  ASSERT_EQ(collected->artifacts.size(), 1U);
  EXPECT_EQ(collected->artifacts[0].path, "good");
  EXPECT_EQ(collected->warnings.size(), 5U) << "link, folder, pipe, hard, and the pattern without a match";
}

TEST_F(ArtifactsTest, TheBoundThatWasPassedIsNamed) {
  for (const char* name : {"a", "b", "c"}) tree_.write(name, "12345");
  const auto many = collect({"*"}, {.count_max = 2, .bytes_max = 100});
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, ErrorCode::output_too_large);
  EXPECT_NE(many.error().detail.find("more than 2 files"), std::string::npos) << many.error().detail;
  const auto large = collect({"*"}, {.count_max = 3, .bytes_max = 14});
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().detail.find("more than 14 bytes"), std::string::npos) << large.error().detail;
  EXPECT_TRUE(collect({"*"}, {.count_max = 3, .bytes_max = 15}));
}

TEST_F(ArtifactsTest, ADeepTreeAndANameThatIsNoTextAreFine) {
  tree_.write("bad\xff", "x");
  std::string path;
  for (int i = 0; i < 100; ++i) path += "d/";
  tree_.write(path + "deep", "x");
  const auto collected = collect({"**"});
  ASSERT_TRUE(collected) << collected.error();
  EXPECT_TRUE(collected->artifacts.empty());
}

TEST(MimeTypeTest, ComesFromTheExtension) {
  EXPECT_EQ(mime_type("a/b.PNG"), "image/png");
  EXPECT_EQ(mime_type("a.tar.gz"), "application/gzip");
  EXPECT_EQ(mime_type("Makefile"), "application/octet-stream");
}

}  // namespace
}  // namespace skillscale
