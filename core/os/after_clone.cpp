#include "os/after_clone.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#define SKILLSCALE_UNINSTRUMENTED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace skillscale {
namespace {

// The kernel's own sigaction (not libc's) is at most this large; all zero means
// SIG_DFL without flags. Its signal set has 64 bits.
struct alignas(8) KernelSigaction {
  unsigned char zero[64];
};
constexpr unsigned long kKernelSignalSetBytes = 8;
constexpr int kSignalMax = 64;
constexpr unsigned kFirstPrivateFd = 3;

// libc's sigaction() would be intercepted by sanitizers and refuses the two
// signals that libc keeps for itself. All signals are blocked until every
// handler is gone: no handler of the daemon ever runs in the child.
SKILLSCALE_UNINSTRUMENTED bool reset_signals() noexcept {
  const KernelSigaction by_default{};
  for (int signal = 1; signal <= kSignalMax; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (::syscall(SYS_rt_sigaction, signal, &by_default, nullptr, kKernelSignalSetBytes) != 0) return false;
  }
  const unsigned long none = 0;
  return ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, kKernelSignalSetBytes) == 0;
}

// The signal comes when the thread that called clone ends. When the daemon died
// before prctl, it never comes: then the child has another parent already.
SKILLSCALE_UNINSTRUMENTED bool die_with_parent(pid_t parent) noexcept {
  if (::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return false;
  if (::syscall(SYS_getppid) == parent) return true;
  errno = ESRCH;
  return false;
}

SKILLSCALE_UNINSTRUMENTED bool connect_pipes(const AfterClonePlan& plan) noexcept {
  return ::syscall(SYS_dup3, plan.stdin_fd, STDIN_FILENO, 0) >= 0 &&
         ::syscall(SYS_dup3, plan.stdout_fd, STDOUT_FILENO, 0) >= 0 &&
         ::syscall(SYS_dup3, plan.stderr_fd, STDERR_FILENO, 0) >= 0;
}

// Runs the program, or returns the step that failed with its errno.
SKILLSCALE_UNINSTRUMENTED AfterCloneStep become_program(const AfterClonePlan& plan) noexcept {
  if (::syscall(SYS_setpgid, 0, 0) != 0) return AfterCloneStep::process_group;
  if (!die_with_parent(plan.parent)) return AfterCloneStep::parent_death;
  if (!connect_pipes(plan)) return AfterCloneStep::pipes;
  if (::syscall(SYS_close_range, kFirstPrivateFd, ~0U, 0) != 0) return AfterCloneStep::descriptors;
  if (::syscall(SYS_chdir, plan.working_folder) != 0) return AfterCloneStep::folder;
  if (!reset_signals()) return AfterCloneStep::signals;
  ::syscall(SYS_execve, plan.program, plan.argv, plan.environment);
  return AfterCloneStep::exec;
}

}  // namespace

SKILLSCALE_UNINSTRUMENTED int after_clone(void* plan) noexcept {
  auto* const shared = static_cast<AfterClonePlan*>(plan);
  const AfterCloneStep failed_step = become_program(*shared);
  shared->error = errno;
  shared->failed_step = failed_step;
  return 127;  // clone(2) ends the child with this status.
}

}  // namespace skillscale
