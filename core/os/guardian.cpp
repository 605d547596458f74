#include "os/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <set>
#include <thread>

#include "base/limits.h"
#include "os/run_cgroup.h"

namespace skillscale {
namespace {

constexpr const char* kName = "skill-guardian";
constexpr unsigned kLastFd = ~0U;

// Signals are blocked from the start. Nothing of the daemon but the pipe: no socket of it stays open because of us.
void forget_the_daemon(int pipe) {
  ::setsid();
  ::prctl(PR_SET_NAME, kName, 0, 0, 0);
  [[maybe_unused]] const int moved = ::chdir("/");  // No mount stays busy because of us.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
  const auto kept = static_cast<unsigned>(pipe);
  if (kept > STDERR_FILENO + 1) ::syscall(SYS_close_range, STDERR_FILENO + 1, kept - 1, 0);
  ::syscall(SYS_close_range, kept + 1, kLastFd, 0);
}

// Ids come whole: each is written at once, and a pipe keeps that together.
std::set<std::int32_t> watch(int pipe) {
  std::set<std::int32_t> groups;
  std::array<std::int32_t, 1024> messages{};
  for (;;) {
    const ssize_t got = ::read(pipe, messages.data(), sizeof messages);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return groups;
    const auto count = static_cast<std::size_t>(got) / sizeof messages[0];
    for (std::size_t i = 0; i < count; ++i) {
      if (messages[i] > 1) groups.insert(messages[i]);
      if (messages[i] < -1) groups.erase(-messages[i]);
    }
  }
}

// Again and again, because a control group can be killed only once all have come in.
void kill_all(std::set<std::int32_t> groups, const std::string& cgroup_folder) {
  for (int sweep = 0; sweep < limits::kGuardianSweepsMax; ++sweep) {
    std::erase_if(groups, [](std::int32_t group) { return ::kill(-group, SIGKILL) != 0 && errno == ESRCH; });
    const bool removed = cgroup_folder.empty() || remove_cgroups(cgroup_folder);
    if (groups.empty() && removed) return;
    std::this_thread::sleep_for(limits::kGuardianSweepInterval);
  }
}

}  // namespace

Result<std::unique_ptr<Guardian>> Guardian::start(const std::string& cgroup_folder) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(ErrorCode::io_error, "make the guardian's pipe");
  Fd read(ends[0]);
  Fd write(ends[1]);
  // Of these two, 3 and 4 could be taken by the pipes of a run.
  for (Fd* const end : {&read, &write}) {
    *end = Fd(::fcntl(end->get(), F_DUPFD_CLOEXEC, 5));
    if (!*end) return Error::from_errno(ErrorCode::io_error, "make the guardian's pipe");
  }
  if (::fcntl(write.get(), F_SETFL, O_NONBLOCK) != 0) {
    return Error::from_errno(ErrorCode::io_error, "make the guardian's pipe non-blocking");
  }
  // It must not end of a signal before it ignores them; there they stay blocked.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  const int error = errno;
  if (pid != 0) pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error::from_errno(ErrorCode::io_error, "start the guardian", error);
  if (pid == 0) {
    forget_the_daemon(read.get());
    kill_all(watch(read.get()), cgroup_folder);
    ::_exit(0);
  }
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return Error::from_errno(ErrorCode::io_error, "watch the guardian");
  }
  return std::unique_ptr<Guardian>(new Guardian(pid, std::move(pidfd), std::move(read), std::move(write)));
}

Guardian::~Guardian() {
  write_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

// A guardian that keeps an old id might one day kill a stranger: better none.
void Guardian::release(int pid) noexcept {
  const std::int32_t message = -pid;
  if (::write(write_.get(), &message, sizeof message) == sizeof message) return;
  pollfd room{write_.get(), POLLOUT, 0};
  const auto wait = static_cast<int>(limits::kGuardianWaitMax.count());
  if (is_alive() && ::poll(&room, 1, wait) == 1 && ::write(write_.get(), &message, sizeof message) > 0) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

bool Guardian::is_alive() const noexcept {
  pollfd exit{pidfd_.get(), POLLIN, 0};
  return ::poll(&exit, 1, 0) == 0;
}

}  // namespace skillscale
