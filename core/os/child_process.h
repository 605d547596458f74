// Starting a program and owning everything that comes of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/confinement.h"
#include "os/fd.h"
#include "os/run_leash.h"
#include "os/running_process.h"

namespace skillscale {

// What to run. Nothing of the daemon's own environment or descriptors leaks in.
struct ChildSpec {
  std::string program;                   // Absolute path; no PATH search.
  std::vector<std::string> argv;         // argv[0] included. Never passed to a shell.
  std::vector<std::string> environment;  // "NAME=value"; the whole environment of the child.
  std::string working_folder;            // Absolute path.
  bool events = false;                   // A pipe on kEventsFd.
  bool result = false;                   // A pipe on kResultFd.
  // Borrowed: until the program has been started, and until the process has been reaped.
  const Confinement* confinement = nullptr;  // nullptr: the program may do what the daemon may.
  const RunLeash* leash = nullptr;           // nullptr: its process group is all that is killed.
};

// What its process is confined by. Every sandbox has the filter that keeps the group together; without
// one the leash brings it.
inline const Confinement* confinement_of(const ChildSpec& spec) noexcept {
  if (spec.confinement != nullptr || spec.leash == nullptr) return spec.confinement;
  return spec.leash->pin;
}

// A program that this process has started. It leads its own session and process group.
//
// The thread that launched it must outlive it: the child dies with that thread (PR_SET_PDEATHSIG).
class ChildProcess final : public RunningProcess {
 public:
  // clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD) on a stack of its own: the
  // daemon's memory is never copied, and unlike clone3() it is there in every
  // container. In the child (os/after_clone.h): own session, the pipes as
  // descriptors 0 to 4, all others closed, default signal dispositions and empty
  // mask, the confinement, then execve. When any of that fails the child reports
  // its errno: Error spawn_failed says which step.
  static Result<std::unique_ptr<RunningProcess>> launch(const ChildSpec& spec);

  ~ChildProcess() override;

  int pid() const noexcept override { return pid_; }
  int exit_fd() const noexcept override { return pidfd_.get(); }
  ProcessPipes& pipes() noexcept override { return pipes_; }
  void signal_tree(int signal) noexcept override;
  std::optional<ProcessEnd> try_reap() noexcept override;

 private:
  ChildProcess(int pid, Fd pidfd, const RunLeash* leash) : pid_(pid), pidfd_(std::move(pidfd)), leash_(leash) {}
  std::optional<ProcessEnd> wait(int options) noexcept;
  void kill_tree() noexcept;
  void wait_for_tree() noexcept;

  const int pid_;
  const Fd pidfd_;
  const RunLeash* const leash_;
  std::uint64_t out_of_memory_kills_ = 0;  // Before the start.
  bool reaped_ = false;
  Fd shim_order_;            // Its end makes the shim kill the run; empty: there is none, or it has been told.
  bool is_wrapper_ = false;  // Its exit status tells of a program inside.
  ProcessPipes pipes_;
};

}  // namespace skillscale
