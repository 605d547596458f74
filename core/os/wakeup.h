// Wakes a thread that waits in poll(): an eventfd (eventfd(2)).
#pragma once

#include "os/fd.h"

namespace skillscale {

// notify() may be called from any thread; the rest belongs to the thread that polls.
class Wakeup {
 public:
  Wakeup();  // Throws std::system_error when the process has no descriptor left.

  int fd() const noexcept { return fd_.get(); }  // Readable after notify().
  void notify() noexcept;
  void clear() noexcept;  // Call before looking at what was queued.

 private:
  Fd fd_;
};

}  // namespace skillscale
