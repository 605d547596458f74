// The fresh, writable folder of one run.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace skillscale {

// Made below `parent` with a name that nobody else has, readable for this user
// only; holds the subfolders that HOME and TMPDIR point to. Removed with all it
// holds by the destructor, also when the run left folders without permissions, a
// tree deeper than any path, or symbolic links (which are never followed).
class RunFolder {
 public:
  static Result<RunFolder> create(const std::string& parent);  // Error spawn_failed.
  // Without the subfolders. `name` ends in XXXXXX.
  static Result<RunFolder> create_bare(const std::string& parent, const char* name);

  RunFolder(RunFolder&&) noexcept = default;
  RunFolder& operator=(RunFolder&&) = delete;
  ~RunFolder();

  const std::string& path() const noexcept { return path_; }
  const Fd& fd() const noexcept { return folder_; }
  std::string home() const;
  std::string temporary() const;
  // The name of a hidden file of ours: ".skillscale-intent" for SKILLSCALE_INTENT.
  static std::string own_file(std::string_view variable);
  // Writes a new file directly in the folder. Error spawn_failed.
  Result<void> write_file(const std::string& name, std::string_view bytes);
  // Writes a file that the intent gives, with the folders above it. Error
  // invalid_request: the path is not relative, too long, leaves the folder, is there
  // already, or stands where the skill's own files are; spawn_failed.
  Result<void> add_input(const std::string& path, std::string_view bytes);
  // Links to what the skill has of scripts, references, assets and SKILL.md, so that
  // paths that are relative to the skill hold here too. Error spawn_failed.
  Result<void> link_skill(const std::filesystem::path& skill);

 private:
  RunFolder(std::string path, Fd folder) : path_(std::move(path)), folder_(std::move(folder)) {}
  std::string path_;
  Fd folder_;
};

}  // namespace skillscale
