// What runs in the child between clone and exec.
//
// The child borrows the memory of the daemon, whose other threads keep running
// and may hold any lock: nothing here allocates, locks, logs or returns to the
// caller. Everything is prepared by the parent, every call is a plain system
// call, and nothing is instrumented by sanitizers, whose bookkeeping the child
// would otherwise change for the parent.
#pragma once

#include <sys/types.h>

namespace skillscale {

enum class AfterCloneStep : unsigned char {
  none,
  process_group,
  parent_death,
  pipes,
  descriptors,
  signals,
  folder,
  exec
};

// Filled in by the parent, which is suspended until the child has exec'd or
// exited. Descriptors are 3 or higher, so that none of them is overwritten.
struct AfterClonePlan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* working_folder;
  int stdin_fd;
  int stdout_fd;
  int stderr_fd;
  pid_t parent;

  // The child's report: what failed, and its errno. Untouched when exec succeeded.
  AfterCloneStep failed_step = AfterCloneStep::none;
  int error = 0;
};

// The function for clone(2); `plan` is an AfterClonePlan. Returns only on failure.
int after_clone(void* plan) noexcept;

}  // namespace skillscale
