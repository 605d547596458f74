// The fresh, writable folder of one run.
#pragma once

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

  RunFolder(RunFolder&&) noexcept = default;
  RunFolder& operator=(RunFolder&&) = delete;
  ~RunFolder();

  const std::string& path() const noexcept { return path_; }
  std::string home() const;
  std::string temporary() const;
  // Writes a file directly in the folder. Error spawn_failed.
  Result<void> write_file(const std::string& name, std::string_view bytes);

 private:
  RunFolder(std::string path, Fd folder) : path_(std::move(path)), folder_(std::move(folder)) {}
  std::string path_;
  Fd folder_;
};

}  // namespace skillscale
