#include "os/core_dumps.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace skillscale {

void keep_memory_private() noexcept {
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace skillscale
