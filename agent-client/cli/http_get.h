// One small GET from a daemon's admin port.
#pragma once

#include <string>

#include "base/result.h"

namespace skillscale::cli {

// The body of `base` + `path`, e.g. "http://127.0.0.1:9100" and "/v1/topics". At most kHttpAnswerBytesMax bytes,
// within about kHttpTimeout. Errors: invalid_config (the address), unreachable, io_error (not 200, too much).
Result<std::string> http_get(const std::string& base, const std::string& path);

}  // namespace skillscale::cli
