// Whether anything has changed in a folder and below it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>

#include "base/result.h"
#include "os/fd.h"

namespace skillscale {

// inotify(7) on every folder of a tree. Hidden folders, node_modules and __pycache__ are
// left out, and symbolic links are not followed. Belongs to one thread.
class TreeWatch {
 public:
  // Error io_error: the kernel gives no instance (fs.inotify.max_user_instances).
  static Result<TreeWatch> create(std::size_t watches_max);

  int fd() const noexcept { return fd_.get(); }  // Readable when something has happened.
  // Watches the folders that are there now, and no others any more. False when that was
  // not possible for all of them: there are too many, or the kernel allows no more.
  bool arm(const std::filesystem::path& root);
  // Takes what has happened. True when some of it can matter; lost events do.
  bool take_changes();

  std::size_t watches() const noexcept { return watched_.size(); }

 private:
  TreeWatch(Fd fd, std::size_t watches_max) : fd_(std::move(fd)), watches_max_(watches_max) {}
  bool add(const std::filesystem::path& folder, std::set<int>& now);

  Fd fd_;
  std::size_t watches_max_;
  std::set<int> watched_;
};

// A number that is another one after a change in the tree: of names, kinds, modes, sizes or times, also
// of what links point to. For trees that cannot be watched. Looks at the same folders as TreeWatch.
std::uint64_t tree_fingerprint(const std::filesystem::path& root);

// Which folder `root` is, wherever links lead; 0: none.
std::uint64_t folder_identity(const std::filesystem::path& root);

}  // namespace skillscale
