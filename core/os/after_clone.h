// What runs in the child between clone and exec.
//
// The child borrows the memory of the daemon, whose other threads keep running
// and may hold any lock: nothing here allocates, locks, logs or returns to the
// caller. Everything is prepared by the parent, every call is a plain system
// call, and nothing is instrumented by sanitizers, whose bookkeeping the child
// would otherwise change for the parent.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "os/confinement.h"

namespace skillscale {

// In the order in which they are taken.
enum class AfterCloneStep : unsigned char {
  none,
  session,
  parent_death,
  guardian,
  cgroup,
  pipes,
  descriptors,
  limits,
  folder,
  signals,
  capabilities,
  no_new_privileges,
  landlock,
  seccomp,
  exec
};

// Filled in by the parent, which is suspended until the child has exec'd or
// exited. Descriptors are 5 or higher, so that none of them is overwritten.
struct AfterClonePlan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* working_folder;
  int stdin_fd;
  int stdout_fd;
  int stderr_fd;
  int events_fd;  // -1: none.
  int result_fd;  // -1: none.
  pid_t parent;
  int guardian_fd;                 // A pipe that takes the child's pid (os/guardian.h); -1: none.
  int order_fd;                    // Passed on under its own number (os/run_shim.h); -1: none.
  int cgroup_procs_fd;             // cgroup.procs of the run's leaf, open for writing; -1: none.
  const Confinement* confinement;  // nullptr: none.
  int landlock_ruleset;            // That of the confinement, under a number that no pipe takes; -1: none.
  std::uint64_t realtime_signals;  // Bit n - 1 for signal n: those of them whose disposition may not be the default.

  // The child's report: what failed, and its errno. Untouched when exec succeeded.
  AfterCloneStep failed_step = AfterCloneStep::none;
  int error = 0;
};

// The function for clone(2); `plan` is an AfterClonePlan. Returns only on failure.
int after_clone(void* plan) noexcept;

}  // namespace skillscale
