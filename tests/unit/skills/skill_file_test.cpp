#include "skills/skill_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/limits.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using Reader = Result<std::string> (*)(const std::filesystem::path&, std::string_view);

// Both ways of opening have to agree.
class SkillFileTest : public ::testing::TestWithParam<Reader> {
 protected:
  void SetUp() override {
    tree_.write("secret", "not yours");
    tree_.write("a/SKILL.md", "text");
    tree_.write("a/references/guide.md", "guide");
    tree_.write("a/references/deep/er/x.md", "deep");
    tree_.write("a/assets/logo.bin", std::string("\x00\xff", 2));
    tree_.write("a/scripts/run.sh", "#!/bin/sh\n");
  }
  Result<std::string> read(std::string_view path) const { return GetParam()(tree_ / "a", path); }
  void refused(std::string_view path, ErrorCode code) const {
    const auto content = read(path);
    ASSERT_FALSE(content) << path;
    EXPECT_EQ(content.error().code, code) << path << ": " << content.error().detail;
  }

  testing::SkillTree tree_;
};

INSTANTIATE_TEST_SUITE_P(Ways, SkillFileTest, ::testing::Values(&read_skill_file, &read_skill_file_by_parts),
                         [](const auto& way) { return way.param == &read_skill_file ? "openat2" : "parts"; });

TEST_P(SkillFileTest, WhatASkillOffersCanBeRead) {
  EXPECT_EQ(read("SKILL.md").value(), "text");
  EXPECT_EQ(read("references/guide.md").value(), "guide");
  EXPECT_EQ(read("references/deep/er/x.md").value(), "deep");
  EXPECT_EQ(read("assets/logo.bin").value(), std::string("\x00\xff", 2));
}

TEST_P(SkillFileTest, PathsThatLeadElsewhereAreRefused) {
  for (const char* path :
       {"", "/etc/passwd", "../secret", "references/../../secret", "references/../SKILL.md", "./SKILL.md",
        "references//guide.md", "references/", "references/.", "references/..", "references/a\nb"}) {
    refused(path, ErrorCode::invalid_request);
  }
  refused(std::string("references/guide.md\0x", 21), ErrorCode::invalid_request);
  refused("references/" + std::string(limits::kCatalogPathBytesMax, 'x'), ErrorCode::invalid_request);
  refused("references/none.md", ErrorCode::invalid_request);
}

TEST_P(SkillFileTest, OtherFilesOfTheSkillAreNotForReading) {
  refused("scripts/run.sh", ErrorCode::not_allowed);
  refused("references", ErrorCode::not_allowed);
  refused("SKILL.md.bak", ErrorCode::not_allowed);
  refused("referencesx/guide.md", ErrorCode::not_allowed);
}

TEST_P(SkillFileTest, LinksAreNotFollowedWhereverTheyLead) {
  tree_.link("a/references/out", tree_ / "secret");
  tree_.link("a/references/in", "guide.md");
  tree_.link("a/references/folder", tree_.root());
  tree_.link("a/references/proc", "/proc/self/root");
  refused("references/out", ErrorCode::not_allowed);
  refused("references/in", ErrorCode::not_allowed);
  refused("references/folder/secret", ErrorCode::not_allowed);
  refused("references/proc/etc/passwd", ErrorCode::not_allowed);
}

TEST_P(SkillFileTest, OnlyRegularFilesAreRead) {
  ASSERT_EQ(::mkfifo((tree_ / "a/references/fifo").c_str(), 0600), 0);
  refused("references/fifo", ErrorCode::not_allowed);  // And nobody waits for its writer.
  refused("references/deep", ErrorCode::not_allowed);
}

TEST_P(SkillFileTest, AFileThatIsTooLargeIsRefused) {
  tree_.write("a/assets/fits", std::string(limits::kCatalogFileBytesMax, 'x'));
  tree_.write("a/assets/large", std::string(limits::kCatalogFileBytesMax + 1, 'x'));
  EXPECT_EQ(read("assets/fits").value().size(), limits::kCatalogFileBytesMax);
  refused("assets/large", ErrorCode::too_large);
}

}  // namespace
}  // namespace skillscale
