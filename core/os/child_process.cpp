#include "os/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "base/check.h"
#include "base/limits.h"
#include "os/after_clone.h"
#include "os/guardian.h"
#include "os/run_cgroup.h"
#include "os/run_shim.h"

// ThreadSanitizer takes clone() for a fork and changes its state in the child,
// which here is the state of the parent too. libc knows the same function by a
// second name, which is not intercepted.
#ifdef __SANITIZE_THREAD__
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);
#define SKILLSCALE_CLONE ::__clone
#else
#define SKILLSCALE_CLONE ::clone
#endif

namespace skillscale {
namespace {

using namespace std::chrono_literals;

// Blocks every signal, so that no handler runs on the memory that the child
// shares with the daemon.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    SK_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before_) == 0);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

struct Pipe {
  Fd read;
  Fd write;
};

// A daemon may have free numbers among those that the child needs for itself.
bool lift_above_child_fds(Fd& fd) {
  if (fd.get() > kResultFd) return true;
  fd = Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kResultFd + 1));
  return static_cast<bool>(fd);
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(ErrorCode::spawn_failed, "make a pipe");
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  if (!lift_above_child_fds(pipe.read) || !lift_above_child_fds(pipe.write)) {
    return Error::from_errno(ErrorCode::spawn_failed, "make a pipe");
  }
  return pipe;
}

// The pipes of a child: the daemon's ends do not block, the child's ends do.
struct Pipes {
  ProcessPipes ours;
  ProcessPipes childs;

  static Result<Pipes> make(const ChildSpec& spec) {
    Pipes pipes;
    if (auto made = pipes.add(&ProcessPipes::in); !made) return made.error();
    if (auto made = pipes.add(&ProcessPipes::out); !made) return made.error();
    if (auto made = pipes.add(&ProcessPipes::err); !made) return made.error();
    if (spec.events) {
      if (auto made = pipes.add(&ProcessPipes::events); !made) return made.error();
    }
    if (spec.result) {
      if (auto made = pipes.add(&ProcessPipes::result); !made) return made.error();
    }
    return pipes;
  }

 private:
  Result<void> add(Fd ProcessPipes::*which) {
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    const bool child_reads = which == &ProcessPipes::in;
    Fd& our_end = child_reads ? pipe->write : pipe->read;
    if (::fcntl(our_end.get(), F_SETFL, O_NONBLOCK) != 0) {
      return Error::from_errno(ErrorCode::spawn_failed, "make a pipe non-blocking");
    }
    ours.*which = std::move(our_end);
    childs.*which = std::move(child_reads ? pipe->read : pipe->write);
    return {};
  }
};

// execve(2) would cut a string at its first zero byte.
Result<void> check_strings(const ChildSpec& spec) {
  const auto refuse = [](std::string_view what) {
    return Error{ErrorCode::spawn_failed, std::string(what) + " holds a zero byte"};
  };
  const auto holds_zero = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (holds_zero(spec.program)) return refuse("the path of the program");
  if (holds_zero(spec.working_folder)) return refuse("the working folder");
  for (std::size_t i = 0; i < spec.argv.size(); ++i) {
    if (holds_zero(spec.argv[i])) return refuse("argument " + std::to_string(i));
  }
  for (const std::string& variable : spec.environment) {
    if (holds_zero(variable)) return refuse("environment variable " + variable.substr(0, variable.find('=')));
  }
  return {};
}

// With SIGCHLD ignored the kernel reaps by itself and the exit status is lost.
Result<void> check_sigchld() {
  struct sigaction action {};
  if (::sigaction(SIGCHLD, nullptr, &action) == 0 && action.sa_handler != SIG_IGN &&
      (action.sa_flags & SA_NOCLDWAIT) == 0) {
    return {};
  }
  return Error{ErrorCode::spawn_failed, "cannot start programs while SIGCHLD is ignored"};
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings)
    pointers.push_back(const_cast<char*>(string.c_str()));  // As execve wants it.
  pointers.push_back(nullptr);
  return pointers;
}

std::string describe(AfterCloneStep step, const ChildSpec& spec) {
  const std::string program = " for " + spec.program;
  switch (step) {
    case AfterCloneStep::session:
      return "make a session" + program;
    case AfterCloneStep::parent_death:
      return "tie the process to the daemon's life" + program;
    case AfterCloneStep::guardian:
      return "tell the guardian of the process" + program;
    case AfterCloneStep::cgroup:
      return "join the control group" + program;
    case AfterCloneStep::pipes:
      return "connect the pipes" + program;
    case AfterCloneStep::descriptors:
      return "close the daemon's descriptors" + program;
    case AfterCloneStep::limits:
      return "set the resource limits" + program;
    case AfterCloneStep::capabilities:
      return "drop the capabilities" + program;
    case AfterCloneStep::no_new_privileges:
      return "give up new privileges" + program;
    case AfterCloneStep::landlock:
      return "confine the process with landlock" + program;
    case AfterCloneStep::seccomp:
      return "confine the process with seccomp" + program;
    case AfterCloneStep::signals:
      return "reset the signals" + program;
    case AfterCloneStep::folder:
      return "enter the working folder " + spec.working_folder + program;
    case AfterCloneStep::exec:
    case AfterCloneStep::none:
      break;
  }
  return "execute " + spec.program;
}

struct Cloned {
  pid_t pid = -1;
  int pidfd = -1;
  int error = 0;
};

// This thread sleeps until the child has left our memory (CLONE_VFORK), so the
// child's stack may lie in this frame.
Cloned clone_child(AfterClonePlan& plan) {
  alignas(16) std::array<std::byte, limits::kAfterCloneStackBytes> stack;
  Cloned cloned;
  const SignalsBlocked signals_blocked;
  cloned.pid = SKILLSCALE_CLONE(after_clone, stack.data() + stack.size(),
                                CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &cloned.pidfd);
  cloned.error = errno;
  return cloned;
}

bool becomes_readable(const Fd& fd, std::chrono::milliseconds wait_max) noexcept {
  pollfd wait{fd.get(), POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(wait_max.count())) == 1;
}

// libc's waitid() leaves out what only the system call gives: the usage.
int wait_id(const Fd& pidfd, siginfo_t& info, int options, rusage* usage) {
  return static_cast<int>(::syscall(SYS_waitid, P_PIDFD, pidfd.get(), &info, options, usage));
}

// The kernel counts as the child's largest size also what it had in common with
// us until its exec. Up to our own largest size the figure says nothing of it.
std::uint64_t max_rss_bytes(const rusage& usage) {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  return usage.ru_maxrss <= own.ru_maxrss ? 0 : static_cast<std::uint64_t>(usage.ru_maxrss) * limits::kKiB;
}

// As shells and bubblewrap tell it: 128 + the signal that ended the program.
ExitStatus status_inside(ExitStatus status) noexcept {
  constexpr int kSignalBase = 128;
  if (!status.code || *status.code <= kSignalBase || *status.code >= kSignalBase + NSIG) return status;
  return {.code = std::nullopt, .signal = *status.code - kSignalBase};
}

ProcessEnd to_end(const siginfo_t& info, const rusage& usage) {
  ProcessEnd end;
  (info.si_code == CLD_EXITED ? end.exit.code : end.exit.signal) = info.si_status;
  const auto microseconds = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  end.usage.cpu = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  end.usage.max_rss_bytes = max_rss_bytes(usage);
  return end;
}

// Inside namespaces of its own a run needs no shim.
const std::string* shim_of(const ChildSpec& spec) {
  if (spec.leash == nullptr || spec.leash->strategy != KillStrategy::shim) return nullptr;
  return spec.confinement != nullptr && spec.confinement->wraps_program ? nullptr : spec.leash->shim;
}

Result<Pipe> order_pipe(const ChildSpec& spec) { return shim_of(spec) == nullptr ? Pipe{} : make_pipe(); }

// What was ignored when this process was started, above all. Found once: each look is a system call, and
// nothing here uses these signals but libc, which may begin at any time to catch the first two.
std::uint64_t changed_realtime_signals() noexcept {
  static const std::uint64_t changed = [] {
    constexpr int kFirst = 32, kLast = 64;
    constexpr std::size_t kSetBytes = 8;
    std::uint64_t mask = std::uint64_t{3} << (kFirst - 1);
    for (int signal = kFirst + 2; signal <= kLast; ++signal) {
      std::array<unsigned long, 8> action{};  // The kernel's own struct: the handler first.
      const bool known = ::syscall(SYS_rt_sigaction, signal, nullptr, action.data(), kSetBytes) == 0;
      if (!known || action[0] != 0) mask |= std::uint64_t{1} << (signal - 1);
    }
    return mask;
  }();
  return changed;
}

// Empty, unless the ruleset has a number that a pipe of the child takes.
Result<Fd> lifted_ruleset(const ChildSpec& spec) {
  if (spec.confinement == nullptr || spec.confinement->landlock_ruleset < 0) return Fd();
  if (spec.confinement->landlock_ruleset > kResultFd) return Fd();
  Fd lifted(::fcntl(spec.confinement->landlock_ruleset, F_DUPFD_CLOEXEC, kResultFd + 1));
  if (!lifted) return Error::from_errno(ErrorCode::spawn_failed, "pass on the landlock ruleset");
  return lifted;
}

int ruleset_of(const ChildSpec& spec, const Fd& lifted) {
  if (lifted) return lifted.get();
  return spec.confinement == nullptr ? -1 : spec.confinement->landlock_ruleset;
}

}  // namespace

Result<std::unique_ptr<RunningProcess>> ChildProcess::launch(const ChildSpec& spec) {
  if (auto checked = check_strings(spec); !checked) return checked.error();
  if (auto checked = check_sigchld(); !checked) return checked.error();
  auto pipes = Pipes::make(spec);
  if (!pipes) return pipes.error();
  auto order = order_pipe(spec);
  if (!order) return std::move(order).error();
  const auto lifted = lifted_ruleset(spec);
  if (!lifted) return lifted.error();

  const std::string* const shim = shim_of(spec);
  const std::vector<std::string> command =
      shim == nullptr ? spec.argv : shim_command_line(*shim, order->read.get(), spec.program, spec.argv);
  const std::vector<char*> argv = pointers_to(command);
  const std::vector<char*> environment = pointers_to(spec.environment);
  const Guardian* const guardian = shim == nullptr ? guardian_of(spec.leash) : nullptr;
  AfterClonePlan plan{.program = shim == nullptr ? spec.program.c_str() : shim->c_str(),
                      .argv = argv.data(),
                      .environment = environment.data(),
                      .working_folder = spec.working_folder.c_str(),
                      .stdin_fd = pipes->childs.in.get(),
                      .stdout_fd = pipes->childs.out.get(),
                      .stderr_fd = pipes->childs.err.get(),
                      .events_fd = pipes->childs.events.get(),
                      .result_fd = pipes->childs.result.get(),
                      .parent = ::getpid(),
                      .guardian_fd = guardian == nullptr ? -1 : guardian->fd(),
                      .order_fd = order->read.get(),
                      .cgroup_procs_fd = cgroup_of(spec.leash) == nullptr ? -1 : cgroup_of(spec.leash)->procs_fd(),
                      .confinement = confinement_of(spec),
                      .landlock_ruleset = ruleset_of(spec, *lifted),
                      .realtime_signals = changed_realtime_signals()};
  const Cloned cloned = clone_child(plan);
  if (cloned.pid < 0) {
    return Error::from_errno(ErrorCode::spawn_failed, "make a process for " + spec.program, cloned.error);
  }
  std::unique_ptr<ChildProcess> child(new ChildProcess(cloned.pid, Fd(cloned.pidfd), spec.leash));
  if (const RunCgroup* cgroup = cgroup_of(spec.leash)) child->out_of_memory_kills_ = cgroup->out_of_memory_kills();
  child->shim_order_ = std::move(order->write);
  child->is_wrapper_ = spec.confinement != nullptr && spec.confinement->wraps_program;
  // The handle reaps the failed child.
  if (plan.failed_step != AfterCloneStep::none) {
    return Error::from_errno(ErrorCode::spawn_failed, describe(plan.failed_step, spec), plan.error);
  }
  child->pipes_ = std::move(pipes->ours);
  return std::unique_ptr<RunningProcess>(std::move(child));
}

ChildProcess::~ChildProcess() {
  if (reaped_) return;
  kill_tree();
  if (!becomes_readable(pidfd_, limits::kKillRepeatInterval)) kill_tree();
  wait(WEXITED | WNOWAIT);
  kill_tree();
  wait_for_tree();
  wait(WEXITED);
}

void ChildProcess::signal_tree(int signal) noexcept {
  if (reaped_) return;
  if (signal == SIGKILL) return kill_tree();
  // The leader may have moved to another group and left this one to others, or to nobody.
  if (::kill(-pid_, signal) == 0) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

// A second SIGKILL does no harm. No fork gets away from a group's signal: the
// kernel lets none finish while one is under way.
void ChildProcess::kill_tree() noexcept {
  if (shim_order_ && !becomes_readable(pidfd_, 0ms)) {
    shim_order_.reset();  // Killed itself, the shim would set loose what it is the parent of.
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGCONT, nullptr, 0);
    return;
  }
  if (RunCgroup* cgroup = cgroup_of(leash_)) cgroup->kill();
  ::kill(-pid_, SIGKILL);
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

// After the kill and before the leader is reaped: only then may the id mean
// somebody else, and the next run joins an empty control group.
void ChildProcess::wait_for_tree() noexcept {
  if (RunCgroup* cgroup = cgroup_of(leash_)) cgroup->wait_until_empty();
  if (Guardian* guardian = guardian_of(leash_)) guardian->release(pid_);
}

std::optional<ProcessEnd> ChildProcess::try_reap() noexcept {
  if (reaped_ || !wait(WEXITED | WNOWAIT | WNOHANG)) return std::nullopt;
  kill_tree();
  wait_for_tree();
  auto end = wait(WEXITED | WNOHANG);
  if (const RunCgroup* cgroup = cgroup_of(leash_); end && cgroup != nullptr) {
    end->out_of_memory = cgroup->out_of_memory_kills() > out_of_memory_kills_;
  }
  reaped_ = true;
  return end;
}

// Nothing while the child runs (with WNOHANG only).
std::optional<ProcessEnd> ChildProcess::wait(int options) noexcept {
  siginfo_t info{};
  rusage usage{};
  int result = -1;
  do {
    result = wait_id(pidfd_, info, options, &usage);
  } while (result != 0 && errno == EINTR);
  SK_CHECK(result == 0);  // Nobody else reaps our children.
  if (info.si_pid == 0) return std::nullopt;
  ProcessEnd end = to_end(info, usage);
  if (is_wrapper_) end.exit = status_inside(end.exit);
  return end;
}

}  // namespace skillscale
