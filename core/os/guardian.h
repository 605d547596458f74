// The process that cleans up when the daemon is killed with SIGKILL.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace skillscale {

// Every run writes its process id into the guardian's pipe before it becomes its
// program, and the daemon takes the id back before it reaps. When the daemon is
// gone, and only then, the pipe ends: the guardian kills the process groups that
// have not been taken back and the daemon's control groups, and ends itself.
//
// It has a session of its own, ignores the signals that end daemons, holds no
// descriptor but the pipe, and is called "skill-guardian". fd() and release() may
// be used by any thread.
class Guardian {
 public:
  // Forks: call it before the first thread. `cgroup_folder`: where the daemon's
  // leaves are (os/run_cgroup.h); empty: nowhere. Error io_error.
  static Result<std::unique_ptr<Guardian>> start(const std::string& cgroup_folder);

  ~Guardian();  // The daemon ends in good order: so does the guardian.
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  int pid() const noexcept { return pid_; }
  int fd() const noexcept { return write_.get(); }  // Takes process ids as 32-bit integers; never blocks.
  void release(int pid) noexcept;                   // Its tree is dead; the id may soon mean somebody else.
  bool is_alive() const noexcept;
  int exit_fd() const noexcept { return pidfd_.get(); }  // Readable when the guardian is gone.

 private:
  Guardian(int pid, Fd pidfd, Fd read, Fd write)
      : pid_(pid), pidfd_(std::move(pidfd)), read_(std::move(read)), write_(std::move(write)) {}

  const int pid_;
  const Fd pidfd_;
  Fd read_;  // Kept open, so that writing to a dead guardian is no SIGPIPE.
  Fd write_;
};

}  // namespace skillscale
