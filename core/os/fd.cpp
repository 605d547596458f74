#include "os/fd.h"

#include <unistd.h>

namespace skillscale {

void Fd::reset(int fd) noexcept {
  // On Linux the descriptor is gone even when close() says EINTR: never retry.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

}  // namespace skillscale
