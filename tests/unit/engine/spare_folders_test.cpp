// Folders of runs that are used again, and those that must not be.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "engine/run_folder.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

class SpareFoldersTest : public testing::Test {
 protected:
  SpareFoldersTest() {
    std::string name = (fs::temp_directory_path() / "spare-folders-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(runs());
    add_skill("a");
    add_skill("b");
    spares_ = std::make_shared<SpareFolders>(runs().string());
  }
  ~SpareFoldersTest() override {
    spares_.reset();
    EXPECT_TRUE(fs::is_empty(runs()));
    fs::remove_all(root_);
  }

  fs::path runs() const { return root_ / "runs"; }
  fs::path skill(const std::string& name) const { return root_ / name; }
  void add_skill(const std::string& name) const {
    fs::create_directories(skill(name) / "scripts");
    std::ofstream(skill(name) / "SKILL.md") << name;
  }

  RunFolder take(const std::string& name) {
    auto folder = spares_->take(skill(name));
    EXPECT_TRUE(folder);
    return std::move(*folder);
  }
  static ino_t inode(const RunFolder& folder) {
    struct stat status {};
    EXPECT_EQ(::fstat(folder.fd().get(), &status), 0);
    return status.st_ino;
  }
  // The inode of a folder that a run of skill "a" has used, has done `change` to, and that was given back.
  ino_t use(const std::function<void(const fs::path&)>& change) {
    RunFolder folder = take("a");
    const ino_t used = inode(folder);
    change(folder.path());
    folder.keep_for_next(spares_);
    return used;
  }
  // Those in use are counted, too.
  std::size_t kept() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(runs())) ++count;
    return count;
  }

  fs::path root_;
  std::shared_ptr<SpareFolders> spares_;
};

TEST_F(SpareFoldersTest, AnUntouchedFolderIsUsedAgain) {
  const ino_t used = use([](const fs::path&) {});
  EXPECT_EQ(kept(), 1U);
  const RunFolder again = take("a");
  EXPECT_EQ(inode(again), used);
  EXPECT_EQ(kept(), 1U);
  EXPECT_EQ(fs::read_symlink(again.path() + "/scripts"), skill("a") / "scripts");
  EXPECT_EQ(fs::read_symlink(again.path() + "/SKILL.md"), skill("a") / "SKILL.md");
  EXPECT_TRUE(fs::is_empty(again.home()) && fs::is_empty(again.temporary()));
}

TEST_F(SpareFoldersTest, AFolderIsNotKeptUnlessItIsSaid) {
  { const RunFolder folder = take("a"); }
  EXPECT_TRUE(fs::is_empty(runs()));
}

TEST_F(SpareFoldersTest, AnotherSkillGetsAnotherFolder) {
  const ino_t used = use([](const fs::path&) {});
  const RunFolder other = take("b");
  EXPECT_NE(inode(other), used);
  EXPECT_EQ(fs::read_symlink(other.path() + "/SKILL.md"), skill("b") / "SKILL.md");
}

TEST_F(SpareFoldersTest, ASkillThatHasNewPartsGetsANewFolder) {
  use([](const fs::path&) {});
  fs::create_directories(skill("a") / "assets");
  const RunFolder again = take("a");
  EXPECT_TRUE(fs::is_symlink(again.path() + "/assets"));
}

TEST_F(SpareFoldersTest, WhatARunHasTouchedIsRemoved) {
  const std::vector<std::pair<const char*, std::function<void(const fs::path&)>>> changes = {
      {"a file", [](const fs::path& path) { std::ofstream(path / "left"); }},
      {"a hidden file", [](const fs::path& path) { std::ofstream(path / ".left"); }},
      {"a file in HOME", [](const fs::path& path) { std::ofstream(path / ".home/left"); }},
      {"a folder in TMPDIR", [](const fs::path& path) { fs::create_directory(path / ".tmp/left"); }},
      {"no HOME", [](const fs::path& path) { fs::remove(path / ".home"); }},
      {"a link for HOME",
       [](const fs::path& path) {
         fs::remove(path / ".home");
         fs::create_symlink("/tmp", path / ".home");
       }},
      {"a file for TMPDIR",
       [](const fs::path& path) {
         fs::remove(path / ".tmp");
         std::ofstream(path / ".tmp");
       }},
      {"another link",
       [](const fs::path& path) {
         fs::remove(path / "SKILL.md");
         fs::create_symlink("/etc/passwd", path / "SKILL.md");
       }},
      {"a file for a link",
       [](const fs::path& path) {
         fs::remove(path / "SKILL.md");
         std::ofstream(path / "SKILL.md");
       }},
      {"a mode", [](const fs::path& path) { fs::permissions(path, fs::perms::owner_all | fs::perms::others_read); }},
      {"a mode of HOME", [](const fs::path& path) { fs::permissions(path / ".home", fs::perms::owner_read); }},
  };
  for (const auto& [what, change] : changes) {
    use(change);
    EXPECT_TRUE(fs::is_empty(runs())) << what;
  }
}

// Also when its times say too little, because the kernel's clock has not ticked since the last run.
TEST_F(SpareFoldersTest, WhatIsLeftInTheSameMomentIsNotPassedOn) {
  for (int i = 0; i < 100; ++i) {
    const ino_t used = use([](const fs::path&) {});
    const std::string name = i % 2 == 0 ? "left" : ".tmp/left";
    EXPECT_EQ(use([&](const fs::path& path) { std::ofstream(path / name); }), used);
    EXPECT_EQ(kept(), 0U);
  }
}

TEST_F(SpareFoldersTest, AFileThatIsGoneAgainDoesNoHarm) {
  const ino_t used = use([](const fs::path& path) {
    std::ofstream(path / ".tmp/gone") << "x";
    fs::remove(path / ".tmp/gone");
  });
  EXPECT_EQ(inode(take("a")), used);
}

TEST_F(SpareFoldersTest, AnExtendedAttributeIsNotPassedOn) {
  bool supported = false;
  use([&](const fs::path& path) { supported = ::setxattr((path / ".tmp").c_str(), "user.note", "x", 1, 0) == 0; });
  EXPECT_EQ(kept(), supported ? 0U : 1U);
}

TEST_F(SpareFoldersTest, TimesAreNotPassedOn) {
  use([](const fs::path& path) {
    for (const char* name : {"", ".home", "SKILL.md"}) {
      const timespec times[] = {{12345, 0}, {12345, 0}};
      EXPECT_EQ(::utimensat(AT_FDCWD, (path / name).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
    }
  });
  const RunFolder again = take("a");
  for (const char* name : {"", "/.home", "/SKILL.md"}) {
    struct stat status {};
    EXPECT_EQ(::lstat((again.path() + name).c_str(), &status), 0);
    EXPECT_NE(status.st_mtim.tv_sec, 12345) << name;
  }
}

TEST_F(SpareFoldersTest, NobodySeesThatAFolderWasListed) {
  const auto accessed = [](const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return std::pair(status.st_atim.tv_sec, status.st_atim.tv_nsec);
  };
  bool noted = false;
  std::pair<time_t, long> listed;
  use([&](const fs::path& path) {
    const auto before = accessed(path / ".home");
    EXPECT_TRUE(fs::is_empty(path / ".home"));
    listed = accessed(path / ".home");
    noted = listed != before;
  });
  if (!noted) GTEST_SKIP() << "this file system does not note when something is read";
  const RunFolder again = take("a");
  EXPECT_NE(accessed(again.home()), listed);
}

TEST_F(SpareFoldersTest, TheOldestOfTooManyIsRemoved) {
  std::vector<RunFolder> folders;
  for (std::size_t i = 0; i < limits::kSpareRunFoldersMax + 3; ++i) folders.push_back(take("a"));
  for (RunFolder& folder : folders) folder.keep_for_next(spares_);
  folders.clear();
  EXPECT_EQ(kept(), limits::kSpareRunFoldersMax);
}

TEST_F(SpareFoldersTest, AFolderMayOutliveWhoeverHandedItOut) {
  RunFolder folder = take("a");
  folder.keep_for_next(spares_);
  spares_.reset();
  const RunFolder moved = std::move(folder);
  EXPECT_TRUE(fs::exists(moved.path()));
}

}  // namespace
}  // namespace skillscale
