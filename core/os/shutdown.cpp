#include "os/shutdown.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace skillscale {

Shutdown Shutdown::on_signals(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    throw std::system_error(error, std::generic_category(), "pthread_sigmask");
  }
  // Whoever started us may have left SIGCHLD ignored; then no exit status would ever arrive.
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR || std::signal(SIGCHLD, SIG_DFL) == SIG_ERR) {
    throw std::system_error(errno, std::generic_category(), "signal");
  }
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) throw std::system_error(errno, std::generic_category(), "signalfd");
  return Shutdown(std::move(fd));
}

std::optional<int> Shutdown::take_signal() noexcept {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace skillscale
