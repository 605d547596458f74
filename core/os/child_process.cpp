#include "os/child_process.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
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

// A daemon that was started with 0, 1 or 2 closed gets them from pipe(2); the
// child needs these numbers for itself.
bool lift_above_standard_fds(Fd& fd) {
  if (fd.get() > STDERR_FILENO) return true;
  fd = Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  return static_cast<bool>(fd);
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(ErrorCode::spawn_failed, "make a pipe");
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  if (!lift_above_standard_fds(pipe.read) || !lift_above_standard_fds(pipe.write)) {
    return Error::from_errno(ErrorCode::spawn_failed, "make a pipe");
  }
  return pipe;
}

Result<void> make_nonblocking(const Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0) return {};
  return Error::from_errno(ErrorCode::spawn_failed, "make a pipe non-blocking");
}

// The three pipes of a child: the daemon's ends do not block, the child's ends do.
struct Pipes {
  Pipe in, out, err;

  static Result<Pipes> make() {
    auto in = make_pipe();
    if (!in) return in.error();
    auto out = make_pipe();
    if (!out) return out.error();
    auto err = make_pipe();
    if (!err) return err.error();
    for (const Fd* fd : {&in->write, &out->read, &err->read}) {
      if (auto done = make_nonblocking(*fd); !done) return done.error();
    }
    return Pipes{*std::move(in), *std::move(out), *std::move(err)};
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
    case AfterCloneStep::process_group:
      return "make a process group" + program;
    case AfterCloneStep::parent_death:
      return "tie the process to the daemon's life" + program;
    case AfterCloneStep::pipes:
      return "connect the pipes" + program;
    case AfterCloneStep::descriptors:
      return "close the daemon's descriptors" + program;
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

ExitStatus to_exit_status(const siginfo_t& info) {
  ExitStatus status;
  (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
  return status;
}

}  // namespace

Result<ChildProcess> ChildProcess::launch(const ChildSpec& spec) {
  if (auto checked = check_strings(spec); !checked) return checked.error();
  if (auto checked = check_sigchld(); !checked) return checked.error();
  auto pipes = Pipes::make();
  if (!pipes) return pipes.error();

  const std::vector<char*> argv = pointers_to(spec.argv);
  const std::vector<char*> environment = pointers_to(spec.environment);
  AfterClonePlan plan{.program = spec.program.c_str(),
                      .argv = argv.data(),
                      .environment = environment.data(),
                      .working_folder = spec.working_folder.c_str(),
                      .stdin_fd = pipes->in.read.get(),
                      .stdout_fd = pipes->out.write.get(),
                      .stderr_fd = pipes->err.write.get(),
                      .parent = ::getpid()};
  const Cloned cloned = clone_child(plan);
  if (cloned.pid < 0) {
    return Error::from_errno(ErrorCode::spawn_failed, "make a process for " + spec.program, cloned.error);
  }
  ChildProcess child;
  child.pid_ = cloned.pid;
  child.pidfd_ = Fd(cloned.pidfd);
  child.reaped_ = false;
  // The handle reaps the failed child.
  if (plan.failed_step != AfterCloneStep::none) {
    return Error::from_errno(ErrorCode::spawn_failed, describe(plan.failed_step, spec), plan.error);
  }
  child.stdin_ = std::move(pipes->in.write);
  child.stdout_ = std::move(pipes->out.read);
  child.stderr_ = std::move(pipes->err.read);
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      reaped_(std::exchange(other.reaped_, true)),
      pidfd_(std::move(other.pidfd_)),
      stdin_(std::move(other.stdin_)),
      stdout_(std::move(other.stdout_)),
      stderr_(std::move(other.stderr_)) {}

ChildProcess::~ChildProcess() {
  if (reaped_) return;
  signal_group(SIGKILL);
  wait(WEXITED);
}

void ChildProcess::signal_group(int signal) noexcept {
  if (reaped_) return;
  const bool reached = ::kill(-pid_, signal) == 0;
  // The leader may have moved to another group and left this one to others, or
  // to nobody. A second SIGKILL does no harm; other signals are not doubled.
  if (reached && signal != SIGKILL) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

bool ChildProcess::has_exited() noexcept { return reaped_ || wait(WEXITED | WNOWAIT | WNOHANG).has_value(); }

std::optional<ExitStatus> ChildProcess::try_reap() noexcept {
  if (reaped_ || !has_exited()) return std::nullopt;
  signal_group(SIGKILL);
  auto status = wait(WEXITED | WNOHANG);
  reaped_ = true;
  return status;
}

// Nothing while the child runs (with WNOHANG only).
std::optional<ExitStatus> ChildProcess::wait(int options) noexcept {
  siginfo_t info{};
  int result = -1;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, options);
  } while (result != 0 && errno == EINTR);
  SK_CHECK(result == 0);  // Nobody else reaps our children.
  if (info.si_pid == 0) return std::nullopt;
  return to_exit_status(info);
}

}  // namespace skillscale
