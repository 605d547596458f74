// Which files a run may see and change: landlock(7) by plain system calls, because
// the headers of Debian 12 are older than the kernels that it runs on.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"
#include "os/fd.h"

struct stat;  // <sys/stat.h>

namespace skillscale {

// What the kernel offers: 0 is nothing, 1 is Linux 5.13, 2 adds moves between
// folders, 3 truncation, 4 TCP ports, 5 device ioctls, 6 signals and abstract
// sockets, 7 only reports. Later ones are used like 7.
int landlock_abi() noexcept;

enum class PathAccess : std::uint8_t {
  read,           // Read, list and execute.
  write,          // Everything but making device files.
  device,         // Read, write and control.
  shared_memory,  // Make, open and remove files whose names one knows; not list them.
};

// A place in the file system, opened once and used in many rulesets.
class LandlockPath {
 public:
  // Follows links. Error io_error.
  static Result<LandlockPath> open(const std::string& path, PathAccess access);

  int fd() const noexcept { return fd_.get(); }
  bool is_folder() const noexcept { return is_folder_; }
  PathAccess access() const noexcept { return access_; }

  // What a rule for it says. Nothing else is equal to it as long as the path is open or a ruleset has a rule for it.
  struct Rule {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    PathAccess access = PathAccess::read;
    bool operator==(const Rule&) const = default;
  };
  Rule rule() const noexcept { return {device_, inode_, access_}; }

 private:
  LandlockPath(Fd fd, const struct stat& status, PathAccess access);

  Fd fd_;
  std::uint64_t device_;
  std::uint64_t inode_;
  bool is_folder_;
  PathAccess access_;
};

// What is not allowed by a path of it is refused to the process that takes it on,
// and to all that come of that process. They can also no longer trace processes
// outside or read their /proc/PID/environ; from ABI 6 on they cannot signal them.
class LandlockRuleset {
 public:
  static Result<LandlockRuleset> create(int abi);

  Result<void> allow(const LandlockPath& path);
  int fd() const noexcept { return fd_.get(); }

 private:
  LandlockRuleset(Fd fd, std::uint64_t handled) : fd_(std::move(fd)), handled_(handled) {}

  Fd fd_;
  std::uint64_t handled_;  // File system rights that this kernel knows.
};

}  // namespace skillscale
