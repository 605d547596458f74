#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/limits.h"
#include "os/fd.h"
#include "skills/archive_handle.h"
#include "skills/bundle_manifest.h"
#include "skills/file_text.h"
#include "skills/sha256.h"
#include "skills/skill_bundle.h"
#include "skills/skill_loader.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

// Beside the file that it becomes, so that it can be renamed; removed unless it was kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target) : path_(target.string() + ".XXXXXX") {
    fd_ = Fd(::mkostemp(path_.data(), O_CLOEXEC));
    if (!fd_) path_.clear();
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  int fd() const noexcept { return fd_.get(); }
  // mkostemp makes files for the owner alone; a bundle is for giving away.
  Result<void> keep_as(const fs::path& target) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(fd_.get(), 0666 & ~mask) != 0 || ::rename(path_.c_str(), target.c_str()) != 0) {
      return Error::from_errno(ErrorCode::io_error, "write " + in_quotes(target.native()));
    }
    path_.clear();
    return {};
  }

 private:
  std::string path_;
  Fd fd_;
};

class BundleWriter {
 public:
  explicit BundleWriter(int fd) : archive_(archive_write_new()), entry_(archive_entry_new()) {
    ready_ = archive_write_set_format_zip(archive_.get()) == ARCHIVE_OK &&
             archive_write_set_options(archive_.get(), "compression=deflate,hdrcharset=UTF-8") == ARCHIVE_OK &&
             archive_write_open_fd(archive_.get(), fd) == ARCHIVE_OK;
  }

  Result<void> add(const std::string& path, std::string_view content, bool executable) {
    archive_entry_clear(entry_.get());
    archive_entry_set_pathname(entry_.get(), path.c_str());
    archive_entry_set_filetype(entry_.get(), AE_IFREG);
    archive_entry_set_perm(entry_.get(), executable ? 0755 : 0644);
    archive_entry_set_size(entry_.get(), static_cast<la_int64_t>(content.size()));
    // No time at all becomes the first one that zip has, wherever the machine is.
    archive_entry_unset_mtime(entry_.get());
    if (!ready_ || archive_write_header(archive_.get(), entry_.get()) != ARCHIVE_OK) return failure();
    while (!content.empty()) {
      const la_ssize_t count = archive_write_data(archive_.get(), content.data(), content.size());
      if (count <= 0) return failure();
      content.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }

  Result<void> finish() {
    if (archive_write_close(archive_.get()) != ARCHIVE_OK) return failure();
    return {};
  }

 private:
  Error failure() const {
    return {ErrorCode::io_error, "cannot write the bundle: " + archive_error_text(archive_.get())};
  }

  const Utf8Locale locale_;
  ArchiveWriter archive_;
  ArchiveEntry entry_;
  bool ready_ = false;
};

// The skill that `folder` itself is; what validation has against it are warnings.
Result<Bundle> look_at(const fs::path& folder, const Interpreters& interpreters) {
  auto loaded = load_skills(folder, interpreters, Strictness::strict);
  if (!loaded) return std::move(loaded).error();
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  if (loaded->skills.size() != 1 || loaded->skills[0]->folder != real) {
    std::string why = "not a skill that could be loaded: " + in_quotes(folder.native());
    if (!loaded->problems.empty()) why += ": " + to_text(loaded->problems[0]);
    return Error{ErrorCode::invalid_config, why};
  }
  const Skill& skill = *loaded->skills[0];
  Bundle bundle;
  bundle.place = real;
  bundle.name = skill.name;
  bundle.version = skill.version;
  bundle.problems = std::move(loaded->problems);
  return bundle;
}

Result<void> check_files(const std::vector<HashedFile>& files) {
  for (const HashedFile& hashed : files) {
    const SkillFile& file = hashed.file;
    if (!file.link_outside.empty()) {
      return Error{ErrorCode::not_allowed, in_quotes(file.path) + " is a link that leads out of the skill"};
    }
    if (const std::string why = fault_in_entry_path(file.path); !why.empty()) {
      return Error{ErrorCode::not_allowed, "the name " + in_quotes(file.path) + ' ' + why};
    }
    if (file.bytes > limits::kBundleFileBytesMax) {
      return Error{ErrorCode::too_large,
                   in_quotes(file.path) + " has more than " + std::to_string(limits::kBundleFileBytesMax) + " bytes"};
    }
  }
  return {};
}

Result<void> write_bundle(BundleWriter& writer, const BundleManifest& manifest, const fs::path& folder) {
  if (auto added = writer.add(kBundleManifestName, encode_bundle_manifest(manifest), false); !added) return added;
  for (const HashedFile& hashed : manifest.files) {
    const auto content = read_file_prefix(folder / hashed.file.path, limits::kBundleFileBytesMax + 1);
    if (!content) return content.error();
    if (sha256_of(content.value()) != hashed.sha256) {
      return Error{ErrorCode::io_error, in_quotes(hashed.file.path) + " was changed while it was packed"};
    }
    const std::string path = manifest.name + '/' + hashed.file.path;
    if (auto added = writer.add(path, content.value(), hashed.file.executable); !added) return added;
  }
  return writer.finish();
}

// A version is free text.
std::string file_name_of(const Bundle& bundle) {
  std::string name = bundle.name + (bundle.version.empty() ? "" : "-" + bundle.version) + ".skill";
  for (char& c : name) {
    if (c == '/' || static_cast<unsigned char>(c) < 0x20) c = '_';
  }
  return name;
}

}  // namespace

Result<Bundle> pack_skill(const fs::path& folder, const fs::path& output, const Interpreters& interpreters) {
  auto bundle = look_at(folder, interpreters);
  if (!bundle) return bundle;
  if (const std::string why = fault_in_entry_path(bundle->name); !why.empty()) {
    return Error{ErrorCode::not_allowed, "the skill's name " + why};
  }
  const fs::path real = std::exchange(bundle->place, output.empty() ? fs::path(file_name_of(*bundle)) : output);
  auto files = hash_skill_files(real);
  if (!files) return std::move(files).error();
  if (auto checked = check_files(*files); !checked) return std::move(checked).error();
  const BundleManifest manifest{bundle->name, bundle->version, digest_of(*files), std::move(*files)};

  TemporaryFile temporary(bundle->place);
  if (temporary.fd() < 0) return Error::from_errno(ErrorCode::io_error, "write " + in_quotes(bundle->place.native()));
  BundleWriter writer(temporary.fd());
  if (auto written = write_bundle(writer, manifest, real); !written) return std::move(written).error();
  if (auto kept = temporary.keep_as(bundle->place); !kept) return std::move(kept).error();
  bundle->digest = manifest.digest;
  bundle->files = manifest.files.size();
  for (const HashedFile& hashed : manifest.files) bundle->bytes += hashed.file.bytes;
  return bundle;
}

}  // namespace skillscale
