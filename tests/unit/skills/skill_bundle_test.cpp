#include "skills/skill_bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "base/limits.h"
#include "skills/bundle_manifest.h"
#include "skills/sha256.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::SkillTree;
using testing::system_interpreters;

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Bundle pack(const std::filesystem::path& folder, const std::filesystem::path& output) {
  auto bundle = pack_skill(folder, output, system_interpreters());
  EXPECT_TRUE(bundle) << bundle.error();
  return bundle ? *bundle : Bundle();
}

Result<Bundle> unpack(const std::filesystem::path& file, const std::filesystem::path& parent) {
  return unpack_skill(file, parent, system_interpreters());
}

struct Entry {
  std::string path;
  std::string content = {};
  unsigned type = AE_IFREG;
  std::string link = {};
};

// An archive of whatever a test likes.
void write_archive(const std::filesystem::path& file, const std::vector<Entry>& entries, bool tar = false) {
  archive* out = archive_write_new();
  tar ? archive_write_set_format_ustar(out) : archive_write_set_format_zip(out);
  if (tar) archive_write_add_filter_gzip(out);
  ASSERT_EQ(archive_write_open_filename(out, file.c_str()), ARCHIVE_OK);
  for (const Entry& entry : entries) {
    archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.path.c_str());
    archive_entry_set_filetype(header, entry.type);
    archive_entry_set_perm(header, 0644);
    archive_entry_set_size(header, static_cast<la_int64_t>(entry.content.size()));
    if (entry.type == AE_IFLNK) archive_entry_set_symlink(header, entry.link.c_str());
    if (entry.type == AE_IFREG && !entry.link.empty()) archive_entry_set_hardlink(header, entry.link.c_str());
    ASSERT_EQ(archive_write_header(out, header), ARCHIVE_OK) << entry.path << archive_error_string(out);
    if (!entry.content.empty()) archive_write_data(out, entry.content.data(), entry.content.size());
    archive_entry_free(header);
  }
  ASSERT_EQ(archive_write_close(out), ARCHIVE_OK);
  archive_write_free(out);
}

const Entry kSkillEntry = {"a/SKILL.md", "---\nname: a\ndescription: Does it.\n---\nBody.\n"};

// The manifest of a bundle that holds `files` of the skill "a".
std::string manifest_of(const std::vector<Entry>& files) {
  BundleManifest manifest{"a", "", "", {}};
  for (const Entry& entry : files) {
    manifest.files.push_back({{entry.path.substr(2), entry.content.size(), false, {}}, sha256_of(entry.content)});
  }
  manifest.digest = digest_of(manifest.files);
  return encode_bundle_manifest(manifest);
}

// Nothing is left behind in `parent`.
void expect_empty(const std::filesystem::path& parent) { EXPECT_TRUE(std::filesystem::is_empty(parent)) << parent; }

class SkillBundleTest : public ::testing::Test {
 protected:
  SkillBundleTest() {
    std::filesystem::create_directories(tree_ / "out");
    tree_.write("skills/tool/SKILL.md",
                "---\nname: tool\ndescription: Does it.\nmetadata:\n  version: \"1.2.0\"\n---\nBody.\n");
    tree_.write("skills/tool/scripts/run.sh", "echo ok\n", true);
    tree_.write("skills/tool/references/über.md", "Text.\n");
    tree_.write("skills/tool/empty", "");
  }

  // What the answer to an archive of these entries is.
  Error refusal(const std::vector<Entry>& entries, bool tar = false) {
    write_archive(tree_ / "test.skill", entries, tar);
    auto bundle = unpack(tree_ / "test.skill", tree_ / "out");
    EXPECT_FALSE(bundle);
    expect_empty(tree_ / "out");
    return bundle ? Error() : bundle.error();
  }

  SkillTree tree_;
};

TEST_F(SkillBundleTest, WhatIsPackedComesOutTheSame) {
  const Bundle packed = pack(tree_ / "skills/tool", tree_ / "tool.skill");
  EXPECT_EQ(packed.name, "tool");
  EXPECT_EQ(packed.version, "1.2.0");
  EXPECT_EQ(packed.files, 4U);
  EXPECT_THAT(packed.problems, IsEmpty());
  EXPECT_EQ(packed.digest, digest_of_skill(tree_ / "skills/tool").value());

  const auto unpacked = unpack(tree_ / "tool.skill", tree_ / "out");
  ASSERT_TRUE(unpacked) << unpacked.error();
  EXPECT_EQ(unpacked.value().place, tree_ / "out/tool");
  EXPECT_EQ(unpacked.value().digest, packed.digest);
  EXPECT_THAT(unpacked.value().problems, IsEmpty());
  EXPECT_EQ(digest_of_skill(tree_ / "out/tool").value(), packed.digest);
  EXPECT_EQ(read(tree_ / "out/tool/references/über.md"), "Text.\n");
  struct stat status = {};
  ASSERT_EQ(::stat((tree_ / "out/tool/scripts/run.sh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0755U);
  EXPECT_THAT(std::vector<std::filesystem::path>(std::filesystem::directory_iterator(tree_ / "out"), {}), SizeIs(1));
}

TEST_F(SkillBundleTest, EqualFilesGiveEqualBytesWhereverAndWhenever) {
  pack(tree_ / "skills/tool", tree_ / "first.skill");
  std::filesystem::create_directories(tree_ / "elsewhere");
  std::filesystem::copy(tree_ / "skills/tool", tree_ / "elsewhere/tool", std::filesystem::copy_options::recursive);
  std::filesystem::last_write_time(tree_ / "elsewhere/tool/SKILL.md",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1000));
  tree_.write("elsewhere/tool/.hidden", "not packed");
  ::setenv("TZ", "Pacific/Auckland", 1);
  ::tzset();
  pack(tree_ / "elsewhere/tool", tree_ / "second.skill");
  ::unsetenv("TZ");
  ::tzset();
  EXPECT_EQ(read(tree_ / "first.skill"), read(tree_ / "second.skill"));
  EXPECT_FALSE(read(tree_ / "first.skill").empty());
}

TEST_F(SkillBundleTest, TheBundleIsNamedAfterSkillAndVersion) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(tree_.root());
  const Bundle packed = pack("skills/tool", {});
  std::filesystem::current_path(before);
  EXPECT_EQ(packed.place, "tool-1.2.0.skill");
  EXPECT_TRUE(std::filesystem::exists(tree_ / "tool-1.2.0.skill"));
}

TEST_F(SkillBundleTest, WhatIsNoSkillIsNotPacked) {
  tree_.write("skills/broken/SKILL.md", "nothing");
  for (const char* folder : {"skills", "skills/broken", "missing", "skills/tool/SKILL.md"}) {
    const auto packed = pack_skill(tree_ / folder, tree_ / "x.skill", system_interpreters());
    ASSERT_FALSE(packed) << folder;
    EXPECT_EQ(packed.error().code, ErrorCode::invalid_config);
  }
  EXPECT_FALSE(std::filesystem::exists(tree_ / "x.skill"));
}

TEST_F(SkillBundleTest, LinksOutOfTheSkillAreNotPacked) {
  tree_.write("secret", "s");
  tree_.link("skills/tool/stolen", tree_ / "secret");
  const auto packed = pack_skill(tree_ / "skills/tool", tree_ / "x.skill", system_interpreters());
  ASSERT_FALSE(packed);
  EXPECT_EQ(packed.error().code, ErrorCode::not_allowed);
  EXPECT_FALSE(std::filesystem::exists(tree_ / "x.skill"));
}

TEST_F(SkillBundleTest, AnExistingFolderIsNotTouched) {
  pack(tree_ / "skills/tool", tree_ / "tool.skill");
  tree_.write("out/tool/mine", "mine");
  const auto unpacked = unpack(tree_ / "tool.skill", tree_ / "out");
  ASSERT_FALSE(unpacked);
  EXPECT_THAT(unpacked.error().detail, HasSubstr("File exists"));
  EXPECT_EQ(read(tree_ / "out/tool/mine"), "mine");
  EXPECT_FALSE(std::filesystem::exists(tree_ / "out/tool/SKILL.md"));
}

TEST_F(SkillBundleTest, ArchivesOfOthersAreTakenWithAWarning) {
  for (const bool tar : {false, true}) {
    const std::string parent = tar ? "out/tar" : "out/zip";
    std::filesystem::create_directories(tree_ / parent);
    write_archive(tree_ / "other.skill",
                  {{"a/", "", AE_IFDIR}, kSkillEntry, {"a/scripts/run.sh", "echo\n"}, {"__MACOSX/a/._x", "x"}}, tar);
    const auto unpacked = unpack(tree_ / "other.skill", tree_ / parent);
    ASSERT_TRUE(unpacked) << unpacked.error();
    EXPECT_EQ(unpacked.value().name, "a");
    ASSERT_THAT(unpacked.value().problems, SizeIs(1));
    EXPECT_THAT(unpacked.value().problems[0].message, HasSubstr("could not be checked"));
    EXPECT_EQ(read(tree_ / parent / "a/scripts/run.sh"), "echo\n");
    EXPECT_FALSE(std::filesystem::exists(tree_ / parent / "__MACOSX"));
  }
}

TEST_F(SkillBundleTest, AnArchiveWithoutAFolderIsNamedAfterTheSkill) {
  write_archive(tree_ / "flat.zip", {{"SKILL.md", kSkillEntry.content}, {"scripts/run.sh", "echo\n"}});
  const auto unpacked = unpack(tree_ / "flat.zip", tree_ / "out");
  ASSERT_TRUE(unpacked) << unpacked.error();
  EXPECT_TRUE(std::filesystem::exists(tree_ / "out/a/scripts/run.sh"));
}

TEST_F(SkillBundleTest, NamesThatLeadElsewhereAreRefused) {
  for (const char* path : {"../evil", "a/../../evil", "/tmp/evil", "a//b", "a/./b", "C:evil", "a\\b", "a/\nb", ".."}) {
    const Error error = refusal({kSkillEntry, {path, "x"}}, true);
    EXPECT_THAT(error.code, AnyOf(ErrorCode::not_allowed, ErrorCode::io_error)) << path << error;
  }
  EXPECT_FALSE(std::filesystem::exists(tree_ / "evil"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/evil"));
}

TEST_F(SkillBundleTest, LinksAndDevicesAreRefused) {
  EXPECT_THAT(refusal({kSkillEntry, {"a/link", "", AE_IFLNK, "/etc/passwd"}}, true).detail, HasSubstr("is a link"));
  EXPECT_THAT(refusal({kSkillEntry, {"a/link", "", AE_IFLNK, "SKILL.md"}}).detail, HasSubstr("is a link"));
  EXPECT_THAT(refusal({kSkillEntry, {"a/hard", "", AE_IFREG, "a/SKILL.md"}}, true).detail, HasSubstr("is a link"));
  EXPECT_THAT(refusal({kSkillEntry, {"a/pipe", "", AE_IFIFO}}, true).detail, HasSubstr("neither file nor folder"));
  EXPECT_THAT(refusal({kSkillEntry, {"a/null", "", AE_IFCHR}}, true).detail, HasSubstr("neither file nor folder"));
}

TEST_F(SkillBundleTest, TwoEntriesOfOneNameAreRefused) {
  EXPECT_THAT(refusal({kSkillEntry, kSkillEntry}).detail, HasSubstr("there twice"));
  EXPECT_THAT(refusal({kSkillEntry, {"a/skill.MD", "x"}}).detail, HasSubstr("one name on some file systems"));
  EXPECT_THAT(refusal({kSkillEntry, {"A/x", "x"}}).detail, HasSubstr("one name on some file systems"));
  EXPECT_THAT(refusal({kSkillEntry, {"a/\xc3\xa9", "x"}, {"a/e\xcc\x81", "x"}}, true).detail, HasSubstr("one name"));
  EXPECT_THAT(refusal({kSkillEntry, {"a/x", "x"}, {"a/x/y", "x"}}).detail, HasSubstr("there twice"));
}

TEST_F(SkillBundleTest, ABombIsRefused) {
  const Error error = refusal({kSkillEntry, {"a/zeros", std::string(20 * limits::kMiB, '\0')}});
  EXPECT_EQ(error.code, ErrorCode::too_large);
  EXPECT_THAT(error.detail, HasSubstr("unpacks to more than"));
}

TEST_F(SkillBundleTest, AFileBeyondItsBoundIsRefused) {
  // Content that does not compress, so that it is the size that counts.
  std::string noise(limits::kBundleFileBytesMax + 1, '\0');
  std::uint32_t state = 1;
  for (char& c : noise) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24U);
  EXPECT_EQ(refusal({kSkillEntry, {"a/noise", noise}}).code, ErrorCode::too_large);
}

TEST_F(SkillBundleTest, TooManyEntriesAreRefused) {
  std::vector<Entry> entries = {kSkillEntry};
  for (std::size_t i = 0; i <= 2 * limits::kSkillFilesMax; ++i) entries.push_back({"a/d" + std::to_string(i), ""});
  EXPECT_EQ(refusal(entries).code, ErrorCode::too_large);
}

TEST_F(SkillBundleTest, WhatDiffersFromTheManifestIsRefused) {
  const Entry script = {"a/scripts/run.sh", "echo\n"};
  const std::vector<Entry> files = {kSkillEntry, script};
  const Entry manifest = {kBundleManifestName, manifest_of(files)};
  write_archive(tree_ / "good.skill", {manifest, kSkillEntry, script});
  ASSERT_TRUE(unpack(tree_ / "good.skill", tree_ / "out"));
  std::filesystem::remove_all(tree_ / "out/a");

  EXPECT_THAT(refusal({manifest, kSkillEntry, {"a/scripts/run.sh", "evil\n"}}).detail, HasSubstr("not the one"));
  EXPECT_THAT(refusal({manifest, kSkillEntry}).detail, HasSubstr("other files"));
  EXPECT_THAT(refusal({manifest, kSkillEntry, script, {"a/more", "x"}}).detail, HasSubstr("other files"));
  EXPECT_THAT(refusal({manifest, kSkillEntry, script, {"a/.hidden", "x"}}).detail, HasSubstr("other files"));
  EXPECT_THAT(refusal({manifest, kSkillEntry, script, {"more", "x"}}).detail, HasSubstr("does not name"));
  EXPECT_THAT(refusal({kSkillEntry, script, manifest}).detail, HasSubstr("first entry"));
  EXPECT_THAT(refusal({manifest, manifest, kSkillEntry, script}).detail, HasSubstr("twice"));
}

TEST_F(SkillBundleTest, AManifestThatIsNoneIsRefused) {
  for (const std::string text :
       {"", "{", "[]", "{}", R"({"format":"x"})", R"({"format":"skillscale-bundle","format_version":2})",
        R"({"format":"skillscale-bundle","format_version":1,"name":"a","version":"","digest":"","files":[{}]})",
        R"({"format":"skillscale-bundle","format_version":1,"name":1,"version":"","digest":"","files":{}})"}) {
    EXPECT_EQ(refusal({{kBundleManifestName, text}, kSkillEntry}).code, ErrorCode::invalid_config) << text;
  }
}

TEST_F(SkillBundleTest, ATruncatedOrChangedBundleIsNeverBelieved) {
  pack(tree_ / "skills/tool", tree_ / "tool.skill");
  const std::string bytes = read(tree_ / "tool.skill");
  for (std::size_t length = 0; length < bytes.size(); length += 7) {
    tree_.write("cut.skill", bytes.substr(0, length));
    EXPECT_FALSE(unpack(tree_ / "cut.skill", tree_ / "out")) << length;
  }
  for (std::size_t place = 0; place < bytes.size(); place += 5) {
    std::string changed = bytes;
    changed[place] = static_cast<char>(changed[place] ^ 0x55);
    tree_.write("changed.skill", changed);
    // A bit that means nothing (a time, a spare field) may change; the content may not.
    if (const auto unpacked = unpack(tree_ / "changed.skill", tree_ / "out")) {
      EXPECT_EQ(digest_of_skill(tree_ / "out/tool").value(), digest_of_skill(tree_ / "skills/tool").value());
      std::filesystem::remove_all(tree_ / "out/tool");
    }
  }
  expect_empty(tree_ / "out");
}

TEST_F(SkillBundleTest, WhatIsNoArchiveOrNoSkillIsRefused) {
  tree_.write("text.skill", "Just text.\n");
  EXPECT_EQ(unpack(tree_ / "text.skill", tree_ / "out").error().code, ErrorCode::io_error);
  EXPECT_EQ(unpack(tree_ / "missing", tree_ / "out").error().code, ErrorCode::io_error);
  EXPECT_EQ(unpack(tree_ / "skills", tree_ / "out").error().code, ErrorCode::io_error);
  EXPECT_EQ(unpack(tree_ / "text.skill", tree_ / "missing").error().code, ErrorCode::io_error);
  EXPECT_EQ(refusal({{"a/README.md", "x"}}).code, ErrorCode::invalid_config);
  EXPECT_EQ(refusal({{"a/SKILL.md", "---\nname: x/y\ndescription: d\n---\n"}}).code, ErrorCode::not_allowed);
}

TEST(EntryPathTest, PlainNamesAreFine) {
  for (const char* path : {"a", "a/b.c", "..a/b..", "a b", "ü/技能", "scripts/.env"}) {
    EXPECT_EQ(fault_in_entry_path(path), "") << path;
  }
}

TEST(EntryPathTest, LengthAndDepthAreBounded) {
  EXPECT_NE(fault_in_entry_path(std::string(256, 'a')), "");
  EXPECT_EQ(fault_in_entry_path(std::string(255, 'a')), "");
  std::string deep = "a";
  for (int i = 0; i < 40; ++i) deep += "/a";
  EXPECT_NE(fault_in_entry_path(deep), "");
  EXPECT_NE(fault_in_entry_path("\xff"), "");
}

}  // namespace
}  // namespace skillscale
