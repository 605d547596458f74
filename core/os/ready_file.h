// A file that appears, whole, once a daemon is ready.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace skillscale {

// Writes `text` and a newline beside `path`, then renames, so that a reader never sees half of it.
// Error io_error with path and reason.
Result<void> write_ready_file(const std::string& path, std::string_view text);

}  // namespace skillscale
