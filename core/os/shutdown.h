// Signals as a descriptor (signalfd(2)), so that a main loop ends in one place.
#pragma once

#include <initializer_list>
#include <optional>

#include "os/fd.h"

namespace skillscale {

// Blocks the signals in the calling thread and every thread it starts later:
// create it before the first thread. Also ignores SIGPIPE for the process
// and sets SIGCHLD to its default.
class Shutdown {
 public:
  static Shutdown on_signals(std::initializer_list<int> signals);  // Throws std::system_error.

  int fd() const noexcept { return fd_.get(); }  // Readable while a signal waits.
  std::optional<int> take_signal() noexcept;     // The next signal number; never blocks.

 private:
  explicit Shutdown(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace skillscale
