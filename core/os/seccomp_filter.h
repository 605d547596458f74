// System calls that a run may not make: seccomp(2) filters, made once at start
// and shared by all runs.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace skillscale {

// A finished program for seccomp(2); immutable, so any thread may hand it to any child.
class SeccompFilter {
 public:
  explicit SeccompFilter(std::vector<sock_filter> instructions);
  SeccompFilter(SeccompFilter&&) noexcept = default;  // The program's pointer moves with the instructions.
  SeccompFilter& operator=(SeccompFilter&&) noexcept = default;

  const sock_fprog* program() const noexcept { return &program_; }
  std::string bytes() const;  // As bubblewrap reads it: the instructions, one after the other.

 private:
  std::vector<sock_filter> instructions_;
  sock_fprog program_;
};

struct SeccompOptions {
  bool network = false;
  // Below 3 Landlock cannot stop a file from being cut short, so the filter does.
  int landlock_abi = 0;
  // Processes and process groups that a run must not signal or change: the daemon and its helpers.
  // Both empty: none, as in a PID namespace, where the same numbers mean others.
  std::vector<int> protected_processes;
  std::vector<int> protected_groups;
};

// setsid(2) and setpgid(2) succeed without doing anything: nothing leaves the
// process group of its run, so killing the group kills the run.
Result<SeccompFilter> make_pinned_filter();

// The above, and a list of what is refused.
Result<SeccompFilter> make_standard_filter(const SeccompOptions& options);

// Lets through only what ordinary programs use; all else is unknown to the kernel (ENOSYS), so
// that programs take their other way. It looks at no argument: the standard filter goes on top.
Result<SeccompFilter> make_allow_list_filter();

// The instructions, to be put before a program of the above, that refuse it (EPERM) signals to one process and its
// group and changes of that process's limits, priority and processors. For a process that is not known yet
// when the filter is made.
std::string protecting_prefix(int pid);

}  // namespace skillscale
