// Reading the beginning of a file that others may have prepared.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace skillscale {

// At most `bytes_max` bytes from the front of a regular file. A pipe or device is refused,
// not waited for. Error io_error.
Result<std::string> read_file_prefix(const std::filesystem::path& file, std::size_t bytes_max);

}  // namespace skillscale
