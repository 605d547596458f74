#include "daemon/config.h"

namespace skillscale {

std::string_view version() noexcept { return SKILLSCALE_VERSION; }

}  // namespace skillscale
