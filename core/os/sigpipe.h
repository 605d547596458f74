// Writing to a pipe whose reader may die.
#pragma once

#include <csignal>

namespace skillscale {

// While it lives, a write of this thread to a pipe that nobody reads is EPIPE and no signal, whatever
// the process does about SIGPIPE elsewhere. (The signal goes to the writing thread: it is
// blocked, and taken back at the end unless it was pending before.)
class SigpipeHeld {
 public:
  SigpipeHeld() noexcept;
  ~SigpipeHeld();
  SigpipeHeld(const SigpipeHeld&) = delete;
  SigpipeHeld& operator=(const SigpipeHeld&) = delete;

 private:
  sigset_t sigpipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace skillscale
