#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "os/fd.h"
#include "skills/archive_handle.h"
#include "skills/bundle_manifest.h"
#include "skills/entry_names.h"
#include "skills/skill_bundle.h"
#include "skills/skill_folders.h"
#include "skills/skill_loader.h"
#include "skills/skill_name.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

Error refuse(std::string why) { return {ErrorCode::not_allowed, std::move(why)}; }

// Where a bundle is unpacked before it is believed; removed with all that is in it.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const fs::path& parent) {
    std::string name = (parent / ".unpack-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

// The entries of one archive, one after the other, nothing believed.
class BundleReader {
 public:
  // What macOS adds to archives is no part of a skill.
  static bool is_debris(const std::string& path) {
    return path.starts_with("__MACOSX/") || path == "__MACOSX" || path == ".DS_Store" || path.ends_with("/.DS_Store");
  }

  static Result<BundleReader> open(const fs::path& file) {
    BundleReader reader;
    struct stat status = {};
    if (::stat(file.c_str(), &status) != 0) {
      return Error::from_errno(ErrorCode::io_error, "open " + in_quotes(file.native()));
    }
    if (!S_ISREG(status.st_mode)) return Error{ErrorCode::io_error, in_quotes(file.native()) + " is not a file"};
    reader.archive_bytes_ = static_cast<std::uint64_t>(status.st_size);
    if (reader.archive_bytes_ > limits::kBundleBytesMax) {
      return Error{ErrorCode::too_large,
                   "the bundle has more than " + std::to_string(limits::kBundleBytesMax) + " bytes"};
    }
    archive* handle = reader.archive_.get();
    archive_read_support_format_zip(handle);
    archive_read_support_format_tar(handle);
    archive_read_support_filter_gzip(handle);
    if (archive_read_open_filename(handle, file.c_str(), limits::kPipeReadBytes) != ARCHIVE_OK) {
      return Error{ErrorCode::io_error, "not a zip, tar or tar.gz archive: " + in_quotes(file.native())};
    }
    return reader;
  }

  struct Entry {
    std::string path;  // Checked.
    EntryNames::Kind kind = EntryNames::Kind::file;
    bool executable = false;
  };

  // The next file or folder; nothing at the end.
  Result<std::optional<Entry>> next() {
    for (;;) {
      archive_entry* header = nullptr;
      const int status = archive_read_next_header(archive_.get(), &header);
      if (status == ARCHIVE_EOF) return std::optional<Entry>();
      if (status != ARCHIVE_OK) return damaged();
      if (++entries_ > 2 * limits::kSkillFilesMax)
        return Error{ErrorCode::too_large, "the bundle has too many entries"};
      auto entry = checked(header);
      if (!entry) return std::move(entry).error();
      if (is_debris(entry->path)) continue;
      if (auto added = names_.add(entry->path, entry->kind); !added) return std::move(added).error();
      return std::optional<Entry>(std::move(*entry));
    }
  }

  // Gives the content of the entry to `take`, piece by piece.
  template <typename Take>
  Result<void> read(std::uint64_t bytes_max, Take take) {
    std::uint64_t bytes = 0;
    std::string block(limits::kPipeReadBytes, '\0');
    for (;;) {
      const la_ssize_t count = archive_read_data(archive_.get(), block.data(), block.size());
      if (count == 0) return {};
      if (count < 0) return damaged();
      bytes += static_cast<std::uint64_t>(count);
      bytes_ += static_cast<std::uint64_t>(count);
      if (bytes > bytes_max) return Error{ErrorCode::too_large, "a file of the bundle is larger than allowed"};
      if (auto fine = check_total(); !fine) return fine;
      if (auto taken = take(std::string_view(block.data(), static_cast<std::size_t>(count))); !taken) return taken;
    }
  }

 private:
  BundleReader() : archive_(archive_read_new()) {}

  Error damaged() const {
    return {ErrorCode::io_error, "the bundle is damaged: " + archive_error_text(archive_.get())};
  }

  Result<Entry> checked(archive_entry* header) const {
    const char* name = archive_entry_pathname(header);
    if (name == nullptr) return refuse("the bundle has an entry without a name that is UTF-8");
    Entry entry;
    entry.path = name;
    while (entry.path.starts_with("./")) entry.path.erase(0, 2);
    while (entry.path.ends_with('/')) entry.path.pop_back();
    const std::string shown = in_quotes(entry.path);
    if (archive_entry_hardlink(header) != nullptr || archive_entry_symlink(header) != nullptr) {
      return refuse("the entry " + shown + " is a link");
    }
    const auto type = archive_entry_filetype(header);
    if (type != AE_IFREG && type != AE_IFDIR) return refuse("the entry " + shown + " is neither file nor folder");
    if (archive_entry_is_encrypted(header) != 0) return refuse("the entry " + shown + " is encrypted");
    entry.kind = type == AE_IFDIR ? EntryNames::Kind::folder : EntryNames::Kind::file;
    entry.executable = type == AE_IFREG && (archive_entry_perm(header) & 0100) != 0;
    return entry;
  }

  Result<void> check_total() const {
    const std::uint64_t ratio_max = std::max(limits::kBundleRatioAllowance, limits::kBundleRatioMax * archive_bytes_);
    if (bytes_ <= std::min(ratio_max, limits::kSkillFilesBytesMax)) return {};
    return Error{ErrorCode::too_large, "the bundle unpacks to more than " +
                                           std::to_string(std::min(ratio_max, limits::kSkillFilesBytesMax)) + " bytes"};
  }

  std::unique_ptr<Utf8Locale> locale_ = std::make_unique<Utf8Locale>();
  ArchiveReader archive_;
  EntryNames names_;
  std::uint64_t archive_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t entries_ = 0;
};

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(ErrorCode::io_error, "write");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// Everything that is made lies below a folder of our own, in which there are no links.
Result<void> extract(BundleReader& reader, const BundleReader::Entry& entry, const fs::path& root) {
  const fs::path place = root / entry.path;
  std::error_code error;
  fs::create_directories(entry.kind == EntryNames::Kind::folder ? place : place.parent_path(), error);
  if (error) return Error{ErrorCode::io_error, "cannot make " + in_quotes(entry.path) + ": " + error.message()};
  if (entry.kind == EntryNames::Kind::folder) return {};
  const Fd fd(::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(ErrorCode::io_error, "write " + in_quotes(entry.path));
  auto written =
      reader.read(limits::kBundleFileBytesMax, [&](std::string_view part) { return write_all(fd.get(), part); });
  if (!written) return written;
  if (::fchmod(fd.get(), entry.executable ? 0755 : 0644) != 0) {
    return Error::from_errno(ErrorCode::io_error, "set the mode of " + in_quotes(entry.path));
  }
  return {};
}

struct Unpacked {
  std::optional<BundleManifest> manifest;
  std::size_t files = 0;
};

Result<BundleManifest> read_manifest(BundleReader& reader) {
  std::string text;
  auto read = reader.read(limits::kBundleManifestBytesMax, [&](std::string_view part) -> Result<void> {
    text += part;
    return {};
  });
  if (!read) return std::move(read).error();
  return parse_bundle_manifest(text);
}

Result<Unpacked> unpack_all(const fs::path& archive, const fs::path& root) {
  auto reader = BundleReader::open(archive);
  if (!reader) return std::move(reader).error();
  Unpacked unpacked;
  for (bool first = true;; first = false) {
    auto entry = reader->next();
    if (!entry) return std::move(entry).error();
    if (!*entry) return unpacked;
    if ((*entry)->path == kBundleManifestName) {
      // Later on it could contradict what has been believed by then.
      if (!first) return refuse("the manifest is not the bundle's first entry");
      auto manifest = read_manifest(*reader);
      if (!manifest) return std::move(manifest).error();
      unpacked.manifest = std::move(*manifest);
      continue;
    }
    if (auto extracted = extract(*reader, **entry, root); !extracted) return std::move(extracted).error();
    if ((*entry)->kind == EntryNames::Kind::file) ++unpacked.files;
  }
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

// The skill's folder among what was unpacked: NAME/ of our own bundles; of others the only folder, or all of it.
Result<fs::path> find_root(const fs::path& unpacked, const std::optional<BundleManifest>& manifest) {
  const std::vector<std::string> names = names_in(unpacked);
  const bool alone = names.size() == 1 && fs::is_directory(unpacked / names[0]);
  if (manifest) {
    if (alone && names[0] == manifest->name) return unpacked / names[0];
    return refuse("the bundle has files that its manifest does not name");
  }
  return alone ? unpacked / names[0] : unpacked;
}

// Every file that the manifest names is there as it says, and no other.
Result<void> compare(const BundleManifest& manifest, const std::vector<HashedFile>& files, std::size_t unpacked) {
  if (unpacked != manifest.files.size() || files.size() != manifest.files.size()) {
    return refuse("the bundle has other files than its manifest");
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    const HashedFile& wanted = manifest.files[i];
    const HashedFile& found = files[i];
    if (wanted.file.path != found.file.path) {
      return refuse("the bundle has other files than its manifest: " + in_quotes(found.file.path));
    }
    if (wanted.sha256 != found.sha256 || wanted.file.bytes != found.file.bytes ||
        wanted.file.executable != found.file.executable) {
      return refuse("the file " + in_quotes(found.file.path) + " is not the one that was packed");
    }
  }
  if (digest_of(files) != manifest.digest) return refuse("the skill is not the one that was packed");
  return {};
}

Result<Bundle> look_at(const fs::path& root, const std::optional<BundleManifest>& manifest,
                       const Interpreters& interpreters) {
  auto loaded = load_skills(root, interpreters, Strictness::lenient);
  if (!loaded) return std::move(loaded).error();
  if (loaded->skills.size() != 1 || loaded->skills[0]->folder != root) {
    return Error{ErrorCode::invalid_config, "there is no skill in the bundle that could be loaded"};
  }
  const Skill& skill = *loaded->skills[0];
  Bundle bundle;
  bundle.name = skill.name;
  bundle.version = skill.version;
  bundle.digest = skill.digest;
  if (manifest && (manifest->name != skill.name || manifest->version != skill.version)) {
    return refuse("the manifest has another name or version than the skill");
  }
  return bundle;
}

Result<void> appear(const fs::path& root, const fs::path& target) {
  if (::chmod(root.c_str(), 0755) != 0 ||
      ::renameat2(AT_FDCWD, root.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0) {
    return Error::from_errno(ErrorCode::io_error, "make " + in_quotes(target.native()));
  }
  return {};
}

}  // namespace

Result<Bundle> unpack_skill(const fs::path& archive, const fs::path& parent, const Interpreters& interpreters) {
  std::error_code error;
  const fs::path real_parent = fs::canonical(parent, error);
  if (error) return Error{ErrorCode::io_error, "cannot use " + in_quotes(parent.native()) + ": " + error.message()};
  const TemporaryFolder temporary(real_parent);
  if (temporary.path().empty())
    return Error::from_errno(ErrorCode::io_error, "make a folder in " + in_quotes(parent.native()));

  const fs::path content = temporary.path() / "content";
  fs::create_directory(content, error);
  const auto unpacked = unpack_all(archive, content);
  if (!unpacked) return unpacked.error();
  const std::optional<BundleManifest>& manifest = unpacked.value().manifest;
  const auto root = find_root(content, manifest);
  if (!root) return root.error();
  const auto files = hash_skill_files(root.value());
  if (!files) return files.error();
  if (manifest) {
    if (auto same = compare(*manifest, files.value(), unpacked.value().files); !same) return std::move(same).error();
  }
  auto bundle = look_at(root.value(), manifest, interpreters);
  if (!bundle) return bundle;
  if (bundle->name.find('/') != std::string::npos || !fault_in_entry_path(bundle->name).empty()) {
    return refuse("the skill's name cannot be that of a folder");
  }
  bundle->place = parent / bundle->name;
  bundle->files = files.value().size();
  for (const HashedFile& hashed : files.value()) bundle->bytes += hashed.file.bytes;
  if (!manifest) {
    report(bundle->problems,
           {archive, 0, Severity::warning, "there is no skillscale-bundle.json in it: the files could not be checked"});
  }
  if (auto appeared = appear(root.value(), bundle->place); !appeared) return std::move(appeared).error();
  return bundle;
}

}  // namespace skillscale
