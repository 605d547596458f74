// One file of a skill, for an agent that reads it over the fabric.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace skillscale {

// SKILL.md, or a regular file below references/ or assets/ of `folder`, at most kCatalogFileBytesMax
// bytes. No link is followed, wherever it leads. Errors: invalid_request (a path that is not such a name),
// not_allowed (another file, a link, not a regular file), too_large, io_error.
Result<std::string> read_skill_file(const std::filesystem::path& folder, std::string_view path);

// The same without openat2(2), as on kernels before 5.6 and under filters that refuse it.
Result<std::string> read_skill_file_by_parts(const std::filesystem::path& folder, std::string_view path);

}  // namespace skillscale
