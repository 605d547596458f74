#include "os/public_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace skillscale {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PublicFilesTest : public ::testing::Test {
 protected:
  PublicFilesTest() {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    fs::permissions(root_, fs::perms(0755));
  }
  ~PublicFilesTest() override { fs::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ + "/" + name; }
  void file(const std::string& name, unsigned mode) const {
    std::ofstream(path(name)) << "text";
    fs::permissions(path(name), fs::perms(mode));
  }
  void folder(const std::string& name, unsigned mode) const {
    fs::create_directory(path(name));
    fs::permissions(path(name), fs::perms(mode));
  }
  static std::vector<std::string> hidden_paths(const PublicFiles& found) {
    std::vector<std::string> paths;
    for (const auto& hidden : found.hidden) paths.push_back(hidden.path);
    return paths;
  }

  std::string root_ = (fs::temp_directory_path() / "public-XXXXXX").string();
};

TEST_F(PublicFilesTest, AFolderThatIsOpenAllThroughIsOne) {
  folder("a", 0755);
  file("a/b", 0644);
  fs::create_symlink("/etc/shadow", path("link"));
  const PublicFiles found = find_public_files(root_);
  EXPECT_THAT(found.open, ElementsAre(root_));
  EXPECT_THAT(found.hidden, IsEmpty());
}

TEST_F(PublicFilesTest, OneSecretDividesTheFoldersAboveIt) {
  folder("ssl", 0755);
  file("ssl/config", 0644);
  folder("ssl/certs", 0755);
  file("ssl/certs/ca", 0644);
  folder("ssl/private", 0710);
  file("ssl/private/key", 0644);
  file("passwd", 0644);
  file("shadow", 0640);
  folder("fonts", 0755);
  const PublicFiles found = find_public_files(root_);
  EXPECT_THAT(found.open, UnorderedElementsAre(path("ssl/config"), path("ssl/certs"), path("passwd"), path("fonts")));
  EXPECT_THAT(hidden_paths(found), UnorderedElementsAre(path("ssl/private"), path("shadow")));
}

TEST_F(PublicFilesTest, WhatIsTooDeepIsHidden) {
  std::string name = "d";
  for (int depth = 0; depth < 20; ++depth, name += "/d") folder(name, 0755);
  const PublicFiles found = find_public_files(root_);
  EXPECT_THAT(found.open, IsEmpty());
  EXPECT_EQ(found.hidden.size(), 1U);
}

TEST_F(PublicFilesTest, AnAbsentFolderHasNothing) {
  const PublicFiles found = find_public_files(path("absent"));
  EXPECT_THAT(found.open, IsEmpty());
  EXPECT_THAT(found.hidden, IsEmpty());
}

}  // namespace
}  // namespace skillscale
