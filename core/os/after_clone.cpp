#include "os/after_clone.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "os/running_process.h"

#define SKILLSCALE_UNINSTRUMENTED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace skillscale {
namespace {

// The kernel's own sigaction (not libc's) is at most this large; all zero means
// SIG_DFL without flags. Its signal set has 64 bits.
struct alignas(8) KernelSigaction {
  unsigned long handler;
  unsigned char zero[56];
};
constexpr unsigned long kIgnoreHandler = 1;  // SIG_IGN
constexpr unsigned long kKernelSignalSetBytes = 8;
constexpr int kStandardSignalMax = 31;
constexpr int kSignalMax = 64;
constexpr unsigned kFirstPrivateFd = 3;

// libc's sigaction() would be intercepted by sanitizers and refuses the two
// signals that libc keeps for itself. All signals are blocked until every
// handler is gone: no handler of the daemon ever runs in the child.
SKILLSCALE_UNINSTRUMENTED bool reset_signals(std::uint64_t realtime_signals) noexcept {
  const KernelSigaction by_default{};
  for (int signal = 1; signal <= kSignalMax; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (signal > kStandardSignalMax && (realtime_signals >> (signal - 1) & 1U) == 0) continue;
    if (::syscall(SYS_rt_sigaction, signal, &by_default, nullptr, kKernelSignalSetBytes) != 0) return false;
  }
  const unsigned long none = 0;
  return ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, kKernelSignalSetBytes) == 0;
}

SKILLSCALE_UNINSTRUMENTED bool ignore_sigterm() noexcept {
  KernelSigaction ignore{};
  ignore.handler = kIgnoreHandler;
  return ::syscall(SYS_rt_sigaction, SIGTERM, &ignore, nullptr, kKernelSignalSetBytes) == 0;
}

// The signal comes when the thread that called clone ends. When the daemon died
// before prctl, it never comes: then the child has another parent already.
SKILLSCALE_UNINSTRUMENTED bool die_with_parent(pid_t parent) noexcept {
  if (::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return false;
  if (::syscall(SYS_getppid) == parent) return true;
  errno = ESRCH;
  return false;
}

// The daemon holds both ends, so there is always a reader and no SIGPIPE. A pipe
// that is full has a guardian that no longer reads: the daemon finds that out by
// itself, and runs go on without.
SKILLSCALE_UNINSTRUMENTED bool tell_guardian(int guardian_fd) noexcept {
  if (guardian_fd < 0) return true;
  const auto pid = static_cast<std::int32_t>(::syscall(SYS_getpid));
  return ::syscall(SYS_write, guardian_fd, &pid, sizeof pid) == sizeof pid || errno == EAGAIN;
}

SKILLSCALE_UNINSTRUMENTED bool join_cgroup(int cgroup_procs_fd) noexcept {
  return cgroup_procs_fd < 0 || ::syscall(SYS_write, cgroup_procs_fd, "0", 1UL) == 1;
}

SKILLSCALE_UNINSTRUMENTED bool connect(int from, int to) noexcept {
  return from < 0 || ::syscall(SYS_dup3, from, to, 0) >= 0;
}

SKILLSCALE_UNINSTRUMENTED bool connect_pipes(const AfterClonePlan& plan) noexcept {
  return connect(plan.stdin_fd, STDIN_FILENO) && connect(plan.stdout_fd, STDOUT_FILENO) &&
         connect(plan.stderr_fd, STDERR_FILENO) && connect(plan.events_fd, kEventsFd) &&
         connect(plan.result_fd, kResultFd);
}

// Marked for exec, because the ruleset of landlock is still needed. The pipes on 3 and 4 stay.
SKILLSCALE_UNINSTRUMENTED bool close_private_descriptors(const AfterClonePlan& plan) noexcept {
  unsigned first = kFirstPrivateFd;
  if (plan.result_fd >= 0) {
    if (plan.events_fd < 0 && ::syscall(SYS_close_range, kEventsFd, kEventsFd, CLOSE_RANGE_CLOEXEC) != 0) return false;
    first = kResultFd + 1;
  } else if (plan.events_fd >= 0) {
    first = kEventsFd + 1;
  }
  return ::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

SKILLSCALE_UNINSTRUMENTED bool keep_descriptors(const Confinement& confinement) noexcept {
  for (const int fd : confinement.kept_descriptors) {
    if (fd >= 0 && ::syscall(SYS_fcntl, fd, F_SETFD, 0) != 0) return false;
  }
  return true;
}

SKILLSCALE_UNINSTRUMENTED bool keep_order_pipe(int fd) noexcept {
  return fd < 0 || ::syscall(SYS_fcntl, fd, F_SETFD, 0) == 0;
}

// Never above the hard limit that the daemon has already: raising it needs a privilege.
SKILLSCALE_UNINSTRUMENTED bool limit(int resource, std::uint64_t soft, std::uint64_t hard) noexcept {
  struct {
    std::uint64_t soft, hard;
  } before{}, wanted{soft, hard};
  if (::syscall(SYS_prlimit64, 0, resource, nullptr, &before) != 0) return false;
  if (wanted.hard > before.hard) wanted.hard = before.hard;
  if (wanted.soft > wanted.hard) wanted.soft = wanted.hard;
  return ::syscall(SYS_prlimit64, 0, resource, &wanted, nullptr) == 0;
}

SKILLSCALE_UNINSTRUMENTED bool set_limits(const ResourceLimits& limits) noexcept {
  if (!limit(RLIMIT_CORE, 0, 0)) return false;
  if (limits.memory_bytes && !limit(RLIMIT_DATA, *limits.memory_bytes, *limits.memory_bytes)) return false;
  if (limits.file_bytes && !limit(RLIMIT_FSIZE, *limits.file_bytes, *limits.file_bytes)) return false;
  if (limits.open_files && !limit(RLIMIT_NOFILE, *limits.open_files, *limits.open_files)) return false;
  if (!limits.cpu) return true;
  const auto seconds = static_cast<std::uint64_t>(limits.cpu->count());
  return limit(RLIMIT_CPU, seconds, seconds + 1);
}

constexpr std::uint32_t kCapabilitiesKept =
    1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER | 1U << CAP_FSETID;
constexpr unsigned kCapabilityMax = 63;

// Otherwise a root user would get everything back at the exec.
SKILLSCALE_UNINSTRUMENTED bool drop_bounding_set() noexcept {
  for (unsigned capability = 0; capability <= kCapabilityMax; ++capability) {
    if (capability < 32 && (kCapabilitiesKept >> capability & 1U) != 0) continue;
    if (::syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    return errno == EINVAL;  // Past the last one that this kernel knows.
  }
  return true;
}

SKILLSCALE_UNINSTRUMENTED bool drop_capabilities(bool no_new_privileges) noexcept {
  // An exec without new privileges gives back nothing, which saves forty calls.
  if (!no_new_privileges && !drop_bounding_set()) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  if (::syscall(SYS_capget, &header, sets) != 0) return false;
  sets[0].permitted &= kCapabilitiesKept;
  sets[0].effective = sets[0].permitted;
  sets[0].inheritable = 0;
  sets[1].permitted = sets[1].effective = sets[1].inheritable = 0;
  if (::syscall(SYS_capset, &header, sets) != 0) return false;
  // Kernels before 4.3 have no ambient set.
  return ::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 || errno == EINVAL;
}

SKILLSCALE_UNINSTRUMENTED AfterCloneStep confine(const Confinement& confinement, int landlock_ruleset) noexcept {
  if (confinement.drop_capabilities && !drop_capabilities(confinement.no_new_privileges)) {
    return AfterCloneStep::capabilities;
  }
  if (confinement.no_new_privileges && ::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1UL, 0, 0, 0) != 0) {
    return AfterCloneStep::no_new_privileges;
  }
  if (landlock_ruleset >= 0 && ::syscall(SYS_landlock_restrict_self, landlock_ruleset, 0) != 0) {
    return AfterCloneStep::landlock;
  }
  if (confinement.seccomp != nullptr &&
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0UL, confinement.seccomp) != 0) {
    return AfterCloneStep::seccomp;
  }
  return AfterCloneStep::none;
}

// What ties the process to the daemon, so that it can be killed from its first moment on.
SKILLSCALE_UNINSTRUMENTED AfterCloneStep be_tied(const AfterClonePlan& plan) noexcept {
  if (::syscall(SYS_setsid) < 0) return AfterCloneStep::session;
  if (!die_with_parent(plan.parent)) return AfterCloneStep::parent_death;
  if (!tell_guardian(plan.guardian_fd)) return AfterCloneStep::guardian;
  if (!join_cgroup(plan.cgroup_procs_fd)) return AfterCloneStep::cgroup;
  return AfterCloneStep::none;
}

// Runs the program, or returns the step that failed with its errno.
SKILLSCALE_UNINSTRUMENTED AfterCloneStep become_program(const AfterClonePlan& plan) noexcept {
  if (const AfterCloneStep failed = be_tied(plan); failed != AfterCloneStep::none) return failed;
  if (!connect_pipes(plan)) return AfterCloneStep::pipes;
  if (!close_private_descriptors(plan) || !keep_order_pipe(plan.order_fd)) return AfterCloneStep::descriptors;
  if (plan.confinement != nullptr && !keep_descriptors(*plan.confinement)) return AfterCloneStep::descriptors;
  if (plan.confinement != nullptr && !set_limits(plan.confinement->limits)) return AfterCloneStep::limits;
  if (::syscall(SYS_chdir, plan.working_folder) != 0) return AfterCloneStep::folder;
  if (!reset_signals(plan.realtime_signals)) return AfterCloneStep::signals;
  if (plan.confinement != nullptr && plan.confinement->wraps_program && !ignore_sigterm()) {
    return AfterCloneStep::signals;
  }
  if (plan.confinement != nullptr) {
    const AfterCloneStep failed = confine(*plan.confinement, plan.landlock_ruleset);
    if (failed != AfterCloneStep::none) return failed;
  }
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
