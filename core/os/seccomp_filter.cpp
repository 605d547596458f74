#include "os/seccomp_filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/check.h"
#include "os/fd.h"

namespace skillscale {
namespace {

constexpr std::uint64_t kLow32 = 0xffffffff;  // What the kernel looks at of an int; the rest is the caller's garbage.

std::uint32_t refuse(int error) { return SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)); }

constexpr int kLandlockScopesSignals = 6;  // The first such ABI.

scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

scmp_arg_cmp equals(unsigned argument, int value) {
  return masked(argument, kLow32, static_cast<std::uint32_t>(value));
}

scmp_arg_cmp differs(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_NE, .datum_a = value, .datum_b = 0};
}

// Newer than Debian 12's libseccomp; above 423 the numbers are the same on every machine.
struct NewSystemCall {
  std::string_view name;
  int number;
};
constexpr std::array<NewSystemCall, 5> kNewSystemCalls{
    {{"cachestat", 451}, {"fchmodat2", 452}, {"mseal", 462}, {"listmount", 458}, {"open_tree_attr", 467}}};

// Nothing when neither the library nor the table knows the name: then this
// machine does not have it (time(2) on arm64) and there is nothing to rule.
std::optional<int> system_call(const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number != __NR_SCMP_ERROR) return number;
  for (const NewSystemCall& call : kNewSystemCalls) {
    if (call.name == name) return call.number;
  }
  return std::nullopt;
}

// libseccomp's filter under construction. Rules are added until one fails; the
// failure is told at the end.
class Builder {
 public:
  explicit Builder(std::uint32_t by_default) : context_(seccomp_init(by_default)) {
    if (context_ == nullptr) {
      fail("begin", ENOMEM);
      return;
    }
    // A 32-bit program reaches the kernel by other numbers, which no rule here sees.
    check("set", seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, refuse(ENOSYS)));
    // A binary tree: the kernel walks the program for each number when it is taken on.
    check("set", seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  }

  template <typename... Conditions>
  void rule(std::uint32_t action, const char* name, Conditions... conditions) {
    const auto number = system_call(name);
    if (!number) return;
    const std::array<scmp_arg_cmp, sizeof...(Conditions)> all{conditions...};
    check(name, seccomp_rule_add_array(context_.get(), action, *number, static_cast<unsigned>(all.size()),
                                       all.empty() ? nullptr : all.data()));
  }

  void rules(std::uint32_t action, std::span<const char* const> names) {
    for (const char* name : names) rule(action, name);
  }

  Result<SeccompFilter> finish() {
    if (error_ != 0) return Error::from_errno(ErrorCode::internal, "make a seccomp filter: " + doing_, error_);
    const Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
    if (!file) return Error::from_errno(ErrorCode::internal, "make a seccomp filter");
    if (const int failed = seccomp_export_bpf(context_.get(), file.get()); failed != 0) {
      return Error::from_errno(ErrorCode::internal, "export a seccomp filter", -failed);
    }
    std::vector<sock_filter> instructions(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)) /
                                          sizeof(sock_filter));
    const std::size_t bytes = instructions.size() * sizeof(sock_filter);
    if (::pread(file.get(), instructions.data(), bytes, 0) != static_cast<ssize_t>(bytes)) {
      return Error::from_errno(ErrorCode::internal, "read a seccomp filter");
    }
    return SeccompFilter(std::move(instructions));
  }

 private:
  struct Release {
    void operator()(void* context) const noexcept { seccomp_release(context); }
  };

  void check(const char* doing, int result) {
    if (result != 0) fail(doing, -result);
  }
  void fail(const char* doing, int error) {
    if (error_ != 0) return;
    error_ = error;
    doing_ = doing;
  }

  std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Release> context_;
  std::string doing_;
  int error_ = 0;
};

void pin_group(Builder& filter) {
  filter.rule(refuse(0), "setsid");
  filter.rule(refuse(0), "setpgid");
}

// Looking into other processes, the kernel and its keys; changing mounts, time and the machine.
constexpr auto kForbidden = std::to_array<const char*>(
    {"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp", "perf_event_open",
     "bpf", "userfaultfd", "lookup_dcookie", "syslog", "acct", "fanotify_init", "open_by_handle_at", "keyctl",
     "add_key", "request_key", "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount",
     "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "setns", "unshare", "kexec_load", "kexec_file_load",
     "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "quotactl", "quotactl_fd",
     "nfsservctl", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "iopl",
     "ioperm", "modify_ldt", "uselib", "vhangup",
     // What these make is known to all processes of the user and outlives the run.
     "shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl",
     "mq_open", "mq_unlink"});

// Programs that want these have another way, which they take when the kernel says that it has none.
constexpr auto kAbsent =
    std::to_array<const char*>({"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"});

// CLONE_NEWTIME is not a flag of clone(2): its bit belongs to the signal there.
constexpr std::uint64_t kNamespaceFlags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                             CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

// What programs of all kinds use, by what it is about.
constexpr auto kOrdinary = std::to_array<const char*>(
    {// Files and folders.
     "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
     "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
     "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
     "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch",
     "inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl", "lchown", "lgetxattr", "link", "linkat", "listxattr",
     "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat",
     "open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2",
     "read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir",
     "sendfile", "setxattr", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range",
     "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write",
     "writev", "cachestat", "name_to_handle_at",
     // Memory.
     "brk", "madvise", "mbind", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap",
     "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
     "pkey_mprotect", "get_mempolicy", "set_mempolicy", "remap_file_pages",
     // Processes and threads.
     "arch_prctl", "capget", "capset", "clone", "execve", "execveat", "exit", "exit_group", "fork", "futex",
     "futex_waitv", "get_robust_list", "get_thread_area", "getcpu", "getegid", "geteuid", "getgid", "getgroups",
     "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid", "getrlimit", "getrusage",
     "getsid", "gettid", "getuid", "ioprio_get", "ioprio_set", "kill", "personality", "pidfd_open", "pidfd_send_signal",
     "prctl", "prlimit64", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
     "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
     "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
     "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam",
     "sched_setscheduler", "sched_yield", "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid",
     "setfsuid", "setgid", "setgroups", "setpgid", "setpriority", "setregid", "setresgid", "setresuid", "setreuid",
     "setrlimit", "setsid", "setuid", "sigaltstack", "sysinfo", "tgkill", "times", "tkill", "uname", "vfork", "wait4",
     "waitid",
     // Waiting, time and random numbers.
     "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1", "epoll_ctl",
     "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "getitimer", "getrandom", "gettimeofday",
     "nanosleep", "pause", "poll", "ppoll", "pselect6", "select", "setitimer", "signalfd", "signalfd4", "time",
     "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
     "timerfd_gettime", "timerfd_settime",
     // Sockets: the standard filter says which.
     "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
     "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socket", "socketpair",
     // A program may confine itself further.
     "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp"});

void forbid_calls(Builder& filter) {
  filter.rules(refuse(EPERM), kForbidden);
  filter.rules(refuse(ENOSYS), kAbsent);
}

void forbid_namespaces(Builder& filter) {
  for (const std::uint64_t flag : kNamespaceFlags) filter.rule(refuse(EPERM), "clone", masked(0, flag, flag));
}

// Keys pressed on somebody else's terminal.
void forbid_terminal_input(Builder& filter) {
  for (const std::uint64_t request : {std::uint64_t{TIOCSTI}, std::uint64_t{TIOCLINUX}}) {
    filter.rule(refuse(EPERM), "ioctl", masked(1, kLow32, request));
  }
}

// A pair of datagram sockets could still be used to send to any path, so it is no pair of pipes.
void forbid_sockets(Builder& filter, bool network) {
  constexpr std::uint64_t kTypeMask = 0xf;
  filter.rule(refuse(EACCES), "socketpair", differs(0, AF_UNIX));
  for (const std::uint64_t type : {SOCK_DGRAM, SOCK_RAW}) {  // For AF_UNIX the kernel takes both for the same.
    filter.rule(refuse(EACCES), "socketpair", masked(1, kTypeMask, type));
  }
  if (!network) {
    for (const char* name : {"socket", "connect", "bind", "listen", "accept", "accept4"}) {
      filter.rule(refuse(EACCES), name);
    }
    return;
  }
  // getaddrinfo() asks AF_NETLINK (with protocol 0: routes) which addresses the machine has.
  for (int family = 0; family <= AF_MAX; ++family) {
    if (family != AF_INET && family != AF_INET6 && family != AF_NETLINK) {
      filter.rule(refuse(EACCES), "socket", equals(0, family));
    }
  }
  filter.rule(refuse(EACCES), "socket", scmp_arg_cmp{.arg = 0, .op = SCMP_CMP_GT, .datum_a = AF_MAX, .datum_b = 0});
  for (int bit = 0; bit < 32; ++bit) {
    const std::uint64_t value = std::uint64_t{1} << bit;
    filter.rule(refuse(EACCES), "socket", equals(0, AF_NETLINK), masked(2, value, value));
  }
}

// What takes the id of another process or group as its first argument, and as its second.
constexpr auto kByFirst =
    std::to_array<const char*>({"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open",
                                "sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr"});
constexpr auto kBySecond = std::to_array<const char*>({"setpriority", "ioprio_set"});
constexpr int kPriorityOfUser = 2;    // PRIO_USER: all processes of a user, the daemon among them.
constexpr int kIoPriorityOfUser = 3;  // IOPRIO_WHO_USER.

// Signals to the daemon, to its group and to everybody; priority and processors of the daemon; limits of anybody else.
void protect_processes(Builder& filter, const SeccompOptions& options) {
  if (options.protected_processes.empty() && options.protected_groups.empty()) return;
  filter.rule(refuse(EPERM), "kill", equals(0, -1));
  for (const int group : options.protected_groups) {
    filter.rule(refuse(EPERM), "kill", equals(0, -group));
    for (const char* name : kBySecond) filter.rule(refuse(EPERM), name, equals(1, group));
  }
  for (const int pid : options.protected_processes) {
    for (const char* name : kByFirst) filter.rule(refuse(EPERM), name, equals(0, pid));
    for (const char* name : kBySecond) filter.rule(refuse(EPERM), name, equals(1, pid));
    filter.rule(refuse(EPERM), "kill", equals(0, -pid));
  }
  filter.rule(refuse(EPERM), "prlimit64", differs(0, 0), differs(2, 0));
  filter.rule(refuse(EPERM), "setpriority", equals(0, kPriorityOfUser));
  filter.rule(refuse(EPERM), "ioprio_set", equals(0, kIoPriorityOfUser));
  // It also takes a folder of /proc for a process. From ABI 6 on Landlock looks at each signal itself.
  if (options.landlock_abi < kLandlockScopesSignals) filter.rule(refuse(EPERM), "pidfd_send_signal");
}

// Before ABI 3 Landlock asks nobody when a path is truncated or opened for reading with O_TRUNC.
void forbid_truncation(Builder& filter) {
  filter.rule(refuse(EACCES), "truncate");
  filter.rule(refuse(ENOSYS), "openat2");  // Its flags lie in memory.
  constexpr std::uint64_t kMask = O_TRUNC | O_ACCMODE;
  filter.rule(refuse(EACCES), "open", masked(1, kMask, O_TRUNC | O_RDONLY));
  filter.rule(refuse(EACCES), "openat", masked(2, kMask, O_TRUNC | O_RDONLY));
}

}  // namespace

SeccompFilter::SeccompFilter(std::vector<sock_filter> instructions)
    : instructions_(std::move(instructions)),
      program_{.len = static_cast<unsigned short>(instructions_.size()), .filter = instructions_.data()} {}

std::string SeccompFilter::bytes() const {
  return {reinterpret_cast<const char*>(instructions_.data()), instructions_.size() * sizeof(sock_filter)};
}

Result<SeccompFilter> make_pinned_filter() {
  Builder filter(SCMP_ACT_ALLOW);
  pin_group(filter);
  return filter.finish();
}

Result<SeccompFilter> make_standard_filter(const SeccompOptions& options) {
  Builder filter(SCMP_ACT_ALLOW);
  pin_group(filter);
  forbid_calls(filter);
  forbid_namespaces(filter);
  forbid_terminal_input(filter);
  forbid_sockets(filter, options.network);
  protect_processes(filter, options);
  // With the names of new files in another run's folder one could get at their attributes.
  filter.rule(refuse(EACCES), "inotify_add_watch");
  filter.rule(refuse(EPERM), "personality", differs(0, kLow32));
  if (options.landlock_abi < 3) forbid_truncation(filter);
  return filter.finish();
}

std::string protecting_prefix(int pid) {
  static_assert(std::endian::native == std::endian::little);  // The kernel looks at the first half of an argument.
  constexpr auto kArgument = [](unsigned number) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + number * sizeof(std::uint64_t));
  };
  const auto load = [](std::size_t offset) -> sock_filter {
    return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  // Over so many instructions when it is equal, and when it is not.
  const auto compare = [](std::uint32_t value, std::size_t equal, std::size_t other) -> sock_filter {
    return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, static_cast<std::uint8_t>(equal),
                    static_cast<std::uint8_t>(other));
  };
  const auto id = static_cast<std::uint32_t>(pid);
  const auto group = static_cast<std::uint32_t>(-pid);
  // From the end, where what is not refused goes on. The first argument may name a group as well.
  std::vector<sock_filter> checks{load(kArgument(0)),   compare(id, 3, 0),
                                  compare(group, 2, 3), load(kArgument(1)),
                                  compare(id, 0, 1),    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)};
  constexpr std::size_t kSecond = 3;  // Of the checks: where those of the second argument begin.
  std::vector<sock_filter> calls;
  const auto refer = [&calls, &checks](const char* name, std::size_t to) {
    const auto number = system_call(name);
    // Filled in backwards: `calls` so far and one jump over the checks lie between.
    if (number)
      calls.insert(calls.begin(), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(*number),
                                           static_cast<std::uint8_t>(calls.size() + 1 + to), 0));
    SK_CHECK(calls.size() + 1 + checks.size() < 256);
  };
  for (const char* name : kByFirst) refer(name, 0);
  for (const char* name : kBySecond) refer(name, kSecond);
  refer("prlimit64", 0);
  std::vector<sock_filter> all{load(offsetof(seccomp_data, arch)),
                               compare(seccomp_arch_native(), 0, 1 + calls.size() + 1 + checks.size()),
                               load(offsetof(seccomp_data, nr))};
  all.insert(all.end(), calls.begin(), calls.end());
  all.push_back(BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(checks.size())));
  all.insert(all.end(), checks.begin(), checks.end());
  return {reinterpret_cast<const char*>(all.data()), all.size() * sizeof(sock_filter)};
}

Result<SeccompFilter> make_allow_list_filter() {
  Builder filter(refuse(ENOSYS));
  filter.rules(SCMP_ACT_ALLOW, kOrdinary);
  return filter.finish();
}

}  // namespace skillscale
