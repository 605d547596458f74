#include "skill-server/catalogue_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

std::string skill_text(const std::string& name, const std::string& body = "Do it.") {
  return "---\nname: " + name + "\ndescription: A skill for tests.\n---\n" + body + "\n";
}

// A watch over a real tree; every wait has a deadline.
class CatalogueWatchTest : public ::testing::TestWithParam<WatchSettings::Mode> {
 protected:
  void SetUp() override { write("a/SKILL.md", skill_text("a")); }

  void write(const std::string& path, const std::string& text) const { tree_.write(path, text); }

  void start(WatchSettings::Mode mode, std::size_t watches_max = limits::kCatalogueWatchesMax) {
    watch_.emplace(WatchSettings{.folder = root_,
                                 .mode = mode,
                                 .quiet = 20ms,
                                 .settle_max = 200ms,
                                 .poll_interval = 20ms,
                                 .watches_max = watches_max,
                                 .copies_folder = copies_folder_},
                   testing_interpreters());
    auto first = watch_->start();
    ASSERT_TRUE(first) << first.error();
    snapshot_ = *first;
  }
  static Interpreters testing_interpreters() { return testing::system_interpreters(); }

  // Takes news until `good`; false at the deadline.
  bool see(const std::function<bool()>& good) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!good()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      if (left <= 0ms) return false;
      pollfd news{watch_->fd(), POLLIN, 0};
      ::poll(&news, 1, static_cast<int>(left.count()));
      if (const auto taken = watch_->take()) {
        scans_ += taken->scans;
        error_ = taken->error;
        if (taken->snapshot) snapshot_ = taken->snapshot;
      }
    }
    return true;
  }
  std::vector<std::string> names() const { return snapshot_->catalogue.names(); }
  bool see_names(const std::vector<std::string>& wanted) {
    return see([&] { return names() == wanted; });
  }
  std::string body(const std::string& name) const {
    const SkillPtr skill = snapshot_->catalogue.find(name);
    return skill ? skill->body : "";
  }

  testing::SkillTree tree_;
  testing::SkillTree copies_;
  std::string copies_folder_;
  std::string root_ = tree_.root().string();
  SnapshotPtr snapshot_;
  std::optional<CatalogueWatch> watch_;
  std::uint64_t scans_ = 0;
  std::string error_;
};

INSTANTIATE_TEST_SUITE_P(Modes, CatalogueWatchTest,
                         ::testing::Values(WatchSettings::Mode::automatic, WatchSettings::Mode::poll),
                         [](const auto& mode) { return mode.param == WatchSettings::Mode::poll ? "poll" : "inotify"; });

TEST_P(CatalogueWatchTest, SkillsComeChangeAndGo) {
  start(GetParam());
  write("b/SKILL.md", skill_text("b"));
  ASSERT_TRUE(see_names({"a", "b"}));
  write("a/SKILL.md", skill_text("a", "Do it better, and longer."));
  ASSERT_TRUE(see([&] { return body("a") == "Do it better, and longer."; }));
  fs::remove_all(fs::path(root_) / "b");
  ASSERT_TRUE(see_names({"a"}));
  EXPECT_THAT(snapshot_->stale, IsEmpty());
}

TEST_P(CatalogueWatchTest, ABrokenSkillIsServedAsItWasUntilItIsRepaired) {
  start(GetParam());
  write("a/SKILL.md", "no frontmatter at all\n");
  ASSERT_TRUE(see([&] { return snapshot_->stale.contains("a"); }));
  EXPECT_EQ(body("a"), "Do it.");
  EXPECT_FALSE(snapshot_->problems.empty());
  write("a/SKILL.md", skill_text("a", "Repaired."));
  ASSERT_TRUE(see([&] { return body("a") == "Repaired."; }));
  EXPECT_THAT(snapshot_->stale, IsEmpty());
}

// The version before is there as a whole, not only its description.
TEST_P(CatalogueWatchTest, ABrokenSkillKeepsTheFilesThatItHad) {
  copies_folder_ = copies_.root().string();
  write("a/scripts/run.sh", "echo one\n");
  start(GetParam());
  const SkillPtr good = snapshot_->catalogue.find("a");
  write("a/scripts/run.sh", "echo two\n");
  write("a/SKILL.md", "no frontmatter at all\n");
  ASSERT_TRUE(see([&] { return snapshot_->stale.contains("a"); }));
  const SkillPtr served = snapshot_->catalogue.find("a");
  EXPECT_EQ(served->digest, good->digest);
  std::ifstream script(served->run->argv.back());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(script), {}), "echo one\n");
}

TEST_P(CatalogueWatchTest, AVersionThatCannotBeRunDoesNotTakeThePlaceOfOneThatCan) {
  copies_folder_ = copies_.root().string();
  write("a/scripts/run.sh", "#!/bin/sh\ncat\n");
  start(GetParam());
  write("a/scripts/run.sh", "#!/nowhere/interpreter\ncat\n");
  ASSERT_TRUE(see([&] { return snapshot_->stale.contains("a"); }));
  EXPECT_TRUE(snapshot_->catalogue.find("a")->run.has_value());
  write("a/scripts/run.sh", "#!/bin/sh\ncat -n\n");
  ASSERT_TRUE(see([&] { return snapshot_->stale.empty(); }));
  EXPECT_TRUE(snapshot_->catalogue.find("a")->run.has_value());
}

TEST_P(CatalogueWatchTest, ASkillWithoutSkillFileThatIsBrokenIsKeptToo) {
  write("b/Skilletfile.yaml", "name: b\ndescription: Old.\nversion: 1.0.0\nentry: main:run\n");
  write("b/main.py", "def run(input):\n    return 1\n");
  start(GetParam());
  ASSERT_THAT(names(), ElementsAre("a", "b"));
  write("b/Skilletfile.yaml", "- no\n- mapping\n");
  ASSERT_TRUE(see([&] { return snapshot_->stale.contains("b"); }));
  EXPECT_THAT(names(), ElementsAre("a", "b"));
}

TEST_P(CatalogueWatchTest, ASkillThatIsRenamedInPlaceIsNotKept) {
  start(GetParam());
  write("a/SKILL.md", skill_text("other"));
  EXPECT_TRUE(see_names({"other"}));
}

TEST_P(CatalogueWatchTest, AFileInAFolderThatIsNewItselfIsSeen) {
  start(GetParam());
  write("a/scripts/run.sh", "#!/bin/sh\ncat\n");
  ASSERT_TRUE(see([&] { return snapshot_->catalogue.find("a")->run.has_value(); }));
  fs::remove(fs::path(root_) / "a/scripts/run.sh");
  EXPECT_TRUE(see([&] { return !snapshot_->catalogue.find("a")->run.has_value(); }));
}

TEST_P(CatalogueWatchTest, AFileThatIsReplacedByRenamingIsSeen) {
  start(GetParam());
  write("a/.SKILL.md.new", skill_text("a", "Swapped."));
  fs::rename(fs::path(root_) / "a/.SKILL.md.new", fs::path(root_) / "a/SKILL.md");
  EXPECT_TRUE(see([&] { return body("a") == "Swapped."; }));
}

TEST_P(CatalogueWatchTest, TheWholeFolderMayGoAndComeBack) {
  start(GetParam());
  const fs::path away = fs::path(root_) += ".away";
  fs::rename(root_, away);
  ASSERT_TRUE(see([&] { return !error_.empty(); }));
  EXPECT_THAT(names(), ElementsAre("a")) << "what is loaded is served on";
  write("c/SKILL.md", skill_text("c"));
  EXPECT_TRUE(see_names({"c"}));
  fs::remove_all(away);
}

TEST_P(CatalogueWatchTest, ALinkThatIsSetAnewIsFollowed) {
  write("two/x/SKILL.md", skill_text("x"));
  const fs::path link = fs::path(root_) += ".link";
  fs::remove(link);
  fs::create_directory_symlink(fs::path(root_) / "a", link);
  root_ = link.string();
  start(GetParam());
  ASSERT_THAT(names(), ElementsAre("a"));
  const fs::path second = fs::path(link) += ".new";
  fs::create_directory_symlink(tree_.root() / "two", second);
  fs::rename(second, link);
  EXPECT_TRUE(see_names({"x"}));
  fs::remove(link);
}

TEST_P(CatalogueWatchTest, WhatPythonLeavesBehindIsNoChange) {
  start(GetParam());
  write("a/__pycache__/run.cpython-311.pyc", "bytes");
  write("b/SKILL.md", skill_text("b"));
  ASSERT_TRUE(see_names({"a", "b"}));
  const auto before = scans_;
  write("a/__pycache__/two.cpython-311.pyc", "bytes");
  write("c/SKILL.md", skill_text("c"));
  ASSERT_TRUE(see_names({"a", "b", "c"}));
  EXPECT_LE(scans_ - before, 3U);
}

TEST_F(CatalogueWatchTest, ATreeThatIsTooLargeToBeWatchedIsPolled) {
  start(WatchSettings::Mode::automatic, 1);
  write("b/SKILL.md", skill_text("b"));
  EXPECT_TRUE(see_names({"a", "b"}));
}

TEST_F(CatalogueWatchTest, WithoutWatchingItScansWhenItIsAskedTo) {
  start(WatchSettings::Mode::off);
  write("b/SKILL.md", skill_text("b"));
  watch_->request();
  EXPECT_TRUE(see_names({"a", "b"}));
  EXPECT_EQ(scans_, 1U);
}

TEST_F(CatalogueWatchTest, MoreChangesThanTheKernelKeepsAreNotLost) {
  start(WatchSettings::Mode::automatic);
  for (int round = 0; round < 20000; ++round) ::chmod((root_ + "/a").c_str(), round % 2 == 0 ? 0755 : 0700);
  write("b/SKILL.md", skill_text("b"));
  EXPECT_TRUE(see_names({"a", "b"}));
}

TEST_F(CatalogueWatchTest, AFolderThatIsNoneIsRefused) {
  CatalogueWatch watch({.folder = root_ + "/nowhere"}, testing_interpreters());
  const auto first = watch.start();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, ErrorCode::invalid_config);
}

TEST(SnapshotTest, TwoScansOfTheSameFilesHaveOneDigestAndAChangeHasAnother) {
  const testing::SkillTree tree;
  tree.write("a/SKILL.md", skill_text("a"));
  const auto scan = [&] { return std::move(*Catalogue::scan(tree.root(), testing::system_interpreters())); };
  const SnapshotPtr first = first_snapshot(scan());
  const SnapshotPtr same = next_snapshot(*first, scan(), tree.root().string());
  EXPECT_EQ(first->digest, same->digest);
  EXPECT_FALSE(compare(*first, *same).any());
  tree.write("a/SKILL.md", skill_text("a", "Another body."));
  const SnapshotPtr changed = next_snapshot(*same, scan(), tree.root().string());
  EXPECT_NE(first->digest, changed->digest);
  EXPECT_THAT(compare(*first, *changed).changed, ElementsAre("a"));
}

TEST(SnapshotTest, ASkillOfTheSameNameElsewhereTakesThePlaceOfABrokenOne) {
  const testing::SkillTree tree;
  tree.write("b/SKILL.md", skill_text("a", "First."));
  const auto scan = [&] { return std::move(*Catalogue::scan(tree.root(), testing::system_interpreters())); };
  const SnapshotPtr first = first_snapshot(scan());
  tree.write("b/SKILL.md", "broken");
  tree.write("a/SKILL.md", skill_text("a", "Second."));
  const SnapshotPtr next = next_snapshot(*first, scan(), tree.root().string());
  EXPECT_EQ(next->catalogue.find("a")->body, "Second.");
  EXPECT_THAT(next->stale, IsEmpty());
}

TEST(SnapshotTest, ADeprecatedSkillNamesItsReplacement) {
  Skill skill;
  skill.name = "old";
  EXPECT_EQ(deprecation_text(skill), "");
  skill.deprecated = "too slow";
  skill.replaced_by = "new";
  EXPECT_EQ(deprecation_text(skill), "skill \"old\" is deprecated: too slow; use \"new\" instead");
}

TEST(DebounceTest, WaitsForQuietButNotForEver) {
  const SteadyTime begin(1000h);
  Debounce debounce(300ms, 1000ms);
  EXPECT_EQ(debounce.due(), std::nullopt);
  debounce.note(begin);
  debounce.note(begin + 200ms);
  EXPECT_EQ(debounce.due(), begin + 500ms);
  EXPECT_FALSE(debounce.take(begin + 499ms));
  for (auto at = 200ms; at < 1000ms; at += 100ms) debounce.note(begin + at);
  EXPECT_EQ(debounce.due(), begin + 1000ms);
  EXPECT_TRUE(debounce.take(begin + 1000ms));
  EXPECT_EQ(debounce.due(), std::nullopt);
  debounce.note_at_once(begin);
  EXPECT_TRUE(debounce.take(begin));
}

}  // namespace
}  // namespace skillscale
