// skillscale_run_shim ORDER_FD PROGRAM ARGV0 [ARG...]
//
// The weakest way to kill a whole run that still works: for kernels that have
// neither control groups nor seccomp filters for the daemon. Starts PROGRAM, is the
// parent of whatever comes loose from it (PR_SET_CHILD_SUBREAPER), and ends as the
// program ended, once all of it is dead. ORDER_FD is a pipe that ends when the daemon
// wants the run dead, or is dead itself. Whoever kills this process, as a hostile
// program of the same user can, sets loose what has left the process group.
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/limits.h"
#include "os/fd.h"
#include "os/process_tree.h"

namespace skillscale {
namespace {

constexpr int kWrongUsage = 2;
constexpr int kCannotStart = 127;  // As shells have it.
constexpr int kSignalBase = 128;
constexpr unsigned kLastFd = ~0U;

std::optional<int> parse_descriptor(std::string_view text) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || ::fcntl(number, F_GETFD) < 0) return std::nullopt;
  return number;
}

// The program gets everything as the daemon has prepared it, but the order pipe.
[[noreturn]] void become_program(char** arguments, pid_t shim, int order, const sigset_t& before) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != shim) ::_exit(kCannotStart);
  ::fcntl(order, F_SETFD, FD_CLOEXEC);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::execv(arguments[0], arguments + 1);
  std::fprintf(stderr, "cannot start %s: %s\n", arguments[0], std::strerror(errno));
  ::_exit(kCannotStart);
}

// Nothing of the run stays open because of us: its pipes end with its own processes.
void keep_only(int fd) {
  if (fd > 0) ::syscall(SYS_close_range, 0U, static_cast<unsigned>(fd) - 1, 0);
  ::syscall(SYS_close_range, static_cast<unsigned>(fd) + 1, kLastFd, 0);
}

// The run's processes, seen as their last ancestor.
class Tree {
 public:
  explicit Tree(pid_t leader) : leader_(leader) {}

  bool leader_ended() const { return status_.has_value(); }
  int status() const { return status_.value_or(0); }

  // False: there is nobody left.
  bool reap() {
    for (;;) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid == leader_) status_ = status;
      if (pid == 0 || (pid < 0 && errno == EINTR)) return true;
      if (pid < 0) return false;
    }
  }

  // Again and again: while the list is read, some of it forks. What ends comes to us.
  void kill_all() {
    const pid_t self = ::getpid();
    for (int sweep = 0; sweep < limits::kGuardianSweepsMax && reap(); ++sweep) {
      for (const auto& [pid, stat] : process_tree(self)) {
        if (pid != self) ::kill(pid, SIGKILL);
      }
      const timespec pause{0, limits::kShimSweepInterval.count()};
      sigset_t child;
      sigemptyset(&child);
      sigaddset(&child, SIGCHLD);
      ::sigtimedwait(&child, nullptr, &pause);
    }
  }

 private:
  const pid_t leader_;
  std::optional<int> status_;
};

// Until the program ends by itself or the order pipe ends.
void watch(Tree& tree, int order) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const Fd children(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  std::array<pollfd, 2> waits{{{order, POLLIN, 0}, {children.get(), POLLIN, 0}}};
  while (tree.reap() && !tree.leader_ended()) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    signalfd_siginfo info{};
    while (::read(children.get(), &info, sizeof info) > 0) continue;
  }
}

[[noreturn]] void end_as(int status) {
  if (WIFEXITED(status)) ::_exit(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(number, SIG_DFL);
  sigset_t this_one;
  sigemptyset(&this_one);
  sigaddset(&this_one, number);
  ::raise(number);
  ::sigprocmask(SIG_UNBLOCK, &this_one, nullptr);
  ::_exit(kSignalBase + number);
}

int run(int count, char** arguments) {
  const auto order = count < 4 ? std::nullopt : parse_descriptor(arguments[1]);
  if (!order) {
    std::fputs("usage: skillscale_run_shim ORDER_FD PROGRAM ARGV0 [ARG...]; skillscale_skill_server starts it\n",
               stderr);
    return kWrongUsage;
  }
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);  // What the run's group is told is not meant for us.
  ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);      // The order pipe says it, and leaves the time to kill.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const pid_t self = ::getpid();
  const pid_t leader = ::fork();
  if (leader < 0) {
    std::fprintf(stderr, "cannot start %s: %s\n", arguments[2], std::strerror(errno));
    return kCannotStart;
  }
  if (leader == 0) become_program(arguments + 2, self, *order, before);
  keep_only(*order);
  Tree tree(leader);
  watch(tree, *order);
  tree.kill_all();
  if (!tree.leader_ended()) ::_exit(kCannotStart);
  end_as(tree.status());
}

}  // namespace
}  // namespace skillscale

int main(int count, char** arguments) { return skillscale::run(count, arguments); }
