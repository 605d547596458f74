// The fresh, writable folder of one run.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "os/fd.h"

namespace skillscale {

class SpareFolders;

// Made below `parent` with a name that nobody else has, readable for this user
// only; holds the subfolders that HOME and TMPDIR point to. Removed with all it
// holds by the destructor (but see keep_for_next), also when the run left folders without permissions, a
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
  // Instead of being removed it goes back to where it came from, if the run has left it as
  // it was. Only for a run of which no process and no interpreter is left that knew it.
  void keep_for_next(std::shared_ptr<SpareFolders> keeper) { keeper_ = std::move(keeper); }

 private:
  friend class SpareFolders;
  struct Link {
    std::string name;
    std::string target;
    bool operator==(const Link&) const = default;
  };

  RunFolder(std::string path, Fd folder) : path_(std::move(path)), folder_(std::move(folder)) {}
  static std::vector<Link> links_to(const std::filesystem::path& skill);
  // Of the folder, its subfolders and its links.
  struct Stamp {
    std::int64_t changed = 0;  // Nanoseconds since 1970.
    std::int64_t accessed = 0;
    bool operator==(const Stamp&) const = default;
  };
  std::vector<Stamp> stamps() const;
  void begin_use();
  bool end_use();  // True: it is as it was at the beginning, and the next run cannot tell that there was one.
  void reset_times() const;
  bool is_untouched() const;

  std::string path_;
  Fd folder_;
  std::vector<Link> links_;
  std::vector<Stamp> stamps_;   // As they were when it was last known to be untouched.
  bool tells_changes_ = false;  // Its file system sets them by our clock.
  bool stamps_tell_ = false;    // Whatever this run changes, they will not be the same.
  std::shared_ptr<SpareFolders> keeper_;
};

// Removes the folders below `parent` whose server was killed before it could: those of this user, at
// least `age_min` old, that no process holds. At most kOrphanedFoldersMax of them. Returns how many.
std::size_t remove_orphaned_folders(const std::string& parent, std::chrono::seconds age_min);

// Keeps the folders that runs have left untouched, for further runs of the same skill
// (never of another one).
//
// A journaling file system does not use the number of a removed file again for minutes
// and passes over all of them for each new file: on ext4, a folder made and removed for
// each run slows a busy server down to a tenth. And a rename waits for all others of the file system, so
// that the name stays. Thread-safe. Removes what it keeps at its end.
class SpareFolders {
 public:
  explicit SpareFolders(std::string parent) : parent_(std::move(parent)) {}

  // A spare one or a new one, with links to the skill's parts. Error spawn_failed.
  Result<RunFolder> take(const std::filesystem::path& skill);

 private:
  friend class RunFolder;
  bool keep(RunFolder& folder);  // False: it is not fit to be used again.

  const std::string parent_;
  Guarded<std::list<RunFolder>> spares_;
};

}  // namespace skillscale
