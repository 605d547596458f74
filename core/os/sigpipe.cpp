#include "os/sigpipe.h"

#include <pthread.h>

#include <ctime>

#include "base/check.h"

namespace skillscale {

SigpipeHeld::SigpipeHeld() noexcept {
  sigemptyset(&sigpipe_);
  sigaddset(&sigpipe_, SIGPIPE);
  sigset_t pending;
  sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  SK_CHECK(pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_) == 0);
}

SigpipeHeld::~SigpipeHeld() {
  const timespec at_once{};
  if (!was_pending_) sigtimedwait(&sigpipe_, nullptr, &at_once);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace skillscale
