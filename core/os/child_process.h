// Starting a program and owning everything that comes of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/running_process.h"

namespace skillscale {

// What to run. Nothing of the daemon's own environment or descriptors leaks in.
struct ChildSpec {
  std::string program;                   // Absolute path; no PATH search.
  std::vector<std::string> argv;         // argv[0] included. Never passed to a shell.
  std::vector<std::string> environment;  // "NAME=value"; the whole environment of the child.
  std::string working_folder;            // Absolute path.
};

// A running program: its pid, its pidfd and its process group, of which it is the leader.
//
// Dropping the handle kills the group with SIGKILL and reaps the child, so no
// early return or exception leaves a process behind. Stays on the thread that
// launched it, which must outlive it (the child dies with that thread: PR_SET_PDEATHSIG).
class ChildProcess {
 public:
  // clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD) on a stack of its own: the
  // daemon's memory is never copied, and unlike clone3() it is there in every
  // container. In the child (os/after_clone.h): own process group, default
  // signal dispositions and empty mask, the three pipes as descriptors 0, 1 and
  // 2, all others closed, then execve. When any of that fails the child reports
  // its errno: Error spawn_failed says which step.
  static Result<ChildProcess> launch(const ChildSpec& spec);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  int pid() const noexcept { return pid_; }
  int exit_fd() const noexcept { return pidfd_.get(); }  // Readable once the child has exited.
  // Non-blocking, close-on-exec ends of the child's pipes; -1 once closed.
  int stdin_fd() const noexcept { return stdin_.get(); }
  int stdout_fd() const noexcept { return stdout_.get(); }
  int stderr_fd() const noexcept { return stderr_.get(); }
  void close_stdin() noexcept { stdin_.reset(); }
  Fd take_stdout() noexcept { return std::move(stdout_); }
  Fd take_stderr() noexcept { return std::move(stderr_); }

  void signal_group(int signal) noexcept;  // Does nothing once reaped.
  bool has_exited() noexcept;              // Looks without reaping (WNOWAIT).
  // Kills what is left of the group, then reaps: in this order the group id
  // cannot have been reused. Nothing while the child runs. Never blocks.
  std::optional<ExitStatus> try_reap() noexcept;

 private:
  ChildProcess() = default;
  std::optional<ExitStatus> wait(int options) noexcept;

  int pid_ = -1;
  bool reaped_ = true;  // Nothing to reap before launch.
  Fd pidfd_, stdin_, stdout_, stderr_;
};

}  // namespace skillscale
