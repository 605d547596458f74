// Rulesets in real children.
#include "os/landlock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "support/in_child.h"

namespace skillscale {
namespace {

using testing::kSucceeded;

class LandlockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    for (const char* name : {"open", "shut", "run"}) {
      std::filesystem::create_directory(folder_ + "/" + name);
      std::ofstream(folder_ + "/" + name + "/file") << "text";
    }
  }
  ~LandlockTest() override { std::filesystem::remove_all(folder_); }

  struct Allowed {
    std::string path;
    PathAccess access;
  };

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  // The errno of `action` where only "open" may be read and "run" be written.
  int error_of(const std::function<long()>& action, int abi = landlock_abi()) const {
    auto ruleset = LandlockRuleset::create(abi);
    EXPECT_TRUE(ruleset) << ruleset.error();
    for (const Allowed& allowed : {Allowed{path("open"), PathAccess::read}, Allowed{path("run"), PathAccess::write},
                                   Allowed{"/dev/null", PathAccess::device}}) {
      const auto opened = LandlockPath::open(allowed.path, allowed.access);
      EXPECT_TRUE(opened) << opened.error();
      const auto added = ruleset->allow(*opened);
      EXPECT_TRUE(added) << added.error();
    }
    return testing::error_in_child(
        [&] {
          return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                 ::syscall(SYS_landlock_restrict_self, ruleset->fd(), 0) == 0;
        },
        action);
  }
  int open_error(const std::string& name, int flags) const {
    return error_of([=] { return ::open(name.c_str(), flags | O_CLOEXEC, 0600); });
  }

  std::string folder_ = (std::filesystem::temp_directory_path() / "landlock-XXXXXX").string();
};

TEST_F(LandlockTest, WhatIsReadableCanBeReadAndListedButNotChanged) {
  EXPECT_EQ(open_error(path("open/file"), O_RDONLY), kSucceeded);
  EXPECT_EQ(open_error(path("open"), O_RDONLY | O_DIRECTORY), kSucceeded);
  EXPECT_EQ(open_error(path("open/file"), O_WRONLY), EACCES);
  EXPECT_EQ(open_error(path("open/new"), O_WRONLY | O_CREAT), EACCES);
  EXPECT_EQ(error_of([&] { return ::unlink(path("open/file").c_str()); }), EACCES);
  EXPECT_EQ(error_of([&] { return ::mkdir(path("open/new").c_str(), 0700); }), EACCES);
}

TEST_F(LandlockTest, WhatIsWritableIsFree) {
  EXPECT_EQ(open_error(path("run/new"), O_RDWR | O_CREAT | O_TRUNC), kSucceeded);
  EXPECT_EQ(error_of([&] {
              const std::string folder = path("run/a");
              if (::mkdir(folder.c_str(), 0700) != 0) return -1;
              if (::symlink("x", (folder + "/link").c_str()) != 0) return -1;
              if (::mkfifo((folder + "/pipe").c_str(), 0600) != 0) return -1;
              if (::rename((folder + "/pipe").c_str(), (folder + "/moved").c_str()) != 0) return -1;
              return ::unlink((folder + "/moved").c_str());
            }),
            kSucceeded);
}

TEST_F(LandlockTest, WhatIsNotNamedCanNeitherBeReadNorListedNorExecuted) {
  EXPECT_EQ(open_error(path("shut/file"), O_RDONLY), EACCES);
  EXPECT_EQ(open_error(path("shut"), O_RDONLY | O_DIRECTORY), EACCES);
  EXPECT_EQ(open_error("/etc/passwd", O_RDONLY), EACCES);
  EXPECT_EQ(open_error("/dev/zero", O_RDONLY), EACCES);
  EXPECT_EQ(open_error("/dev/null", O_RDWR), kSucceeded);
  EXPECT_EQ(error_of([] { return ::execl("/bin/true", "true", nullptr); }), EACCES);
}

TEST_F(LandlockTest, ALinkLeadsNowhereNew) {
  std::filesystem::create_symlink(path("shut/file"), path("run/link"));
  EXPECT_EQ(open_error(path("run/link"), O_RDONLY), EACCES);
  EXPECT_NE(error_of([&] { return ::link(path("shut/file").c_str(), path("run/hard").c_str()); }), kSucceeded);
}

TEST_F(LandlockTest, TheParentCannotBeTracedAndItsEnvironmentNotBeRead) {
  const pid_t parent = ::getpid();
  EXPECT_EQ(error_of([=] { return ::ptrace(PTRACE_ATTACH, parent, nullptr, nullptr); }), EPERM);
}

TEST_F(LandlockTest, TheParentCannotBeSignalledWhereTheKernelScopesSignals) {
  if (landlock_abi() < 6) GTEST_SKIP() << "Landlock of this kernel does not scope signals";
  const pid_t parent = ::getpid();
  EXPECT_EQ(error_of([=] { return ::kill(parent, 0); }), EPERM);
}

TEST_F(LandlockTest, MovesBetweenFoldersNeedTheSecondAbi) {
  if (landlock_abi() < 2) GTEST_SKIP() << "Landlock of this kernel cannot allow moves";
  std::filesystem::create_directory(path("run/a"));
  const auto move = [&] { return ::rename(path("run/file").c_str(), path("run/a/file").c_str()); };
  EXPECT_EQ(error_of(move, 1), EXDEV);
  EXPECT_EQ(error_of(move, 2), kSucceeded);
}

TEST_F(LandlockTest, TruncationIsRefusedFromTheThirdAbiOn) {
  if (landlock_abi() < 3) GTEST_SKIP() << "Landlock of this kernel does not know truncation";
  EXPECT_EQ(error_of([&] { return ::truncate(path("shut/file").c_str(), 2); }, 3), EACCES);
  EXPECT_EQ(error_of([&] { return ::truncate(path("shut/file").c_str(), 2); }, 2), kSucceeded)
      << "which is why the seccomp filter refuses it there";
}

TEST_F(LandlockTest, EveryAbiUpToTheKernelsOwnMakesRulesets) {
  for (int abi = 1; abi <= landlock_abi(); ++abi) {
    EXPECT_EQ(error_of([&] { return ::open(path("shut/file").c_str(), O_RDONLY | O_CLOEXEC); }, abi), EACCES) << abi;
    EXPECT_EQ(error_of([&] { return ::open(path("run/file").c_str(), O_RDWR | O_CLOEXEC); }, abi), kSucceeded) << abi;
  }
}

TEST_F(LandlockTest, SharedMemoryCanBeMadeAndOpenedByNameButNotListed) {
  const auto under = [&](const std::function<long()>& action) {
    auto ruleset = LandlockRuleset::create(landlock_abi());
    EXPECT_TRUE(ruleset) << ruleset.error();
    const auto opened = LandlockPath::open(path("run"), PathAccess::shared_memory);
    EXPECT_TRUE(opened && ruleset->allow(*opened));
    return testing::error_in_child(
        [&] {
          return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                 ::syscall(SYS_landlock_restrict_self, ruleset->fd(), 0) == 0;
        },
        action);
  };
  EXPECT_EQ(under([&] { return ::open(path("run/sem").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); }), kSucceeded);
  EXPECT_EQ(under([&] { return ::open(path("run").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }), EACCES);
  EXPECT_EQ(under([&] { return ::unlink(path("run/sem").c_str()); }), kSucceeded);
}

TEST_F(LandlockTest, AnAbsentPathIsAnError) {
  const auto opened = LandlockPath::open(path("absent"), PathAccess::read);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::io_error);
}

}  // namespace
}  // namespace skillscale
