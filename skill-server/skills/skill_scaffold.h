// A new skill to begin with: `skillscale skills new`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace skillscale {

enum class ScriptLanguage : std::uint8_t { python, shell };

// Makes the folder `parent`/`name` with a SKILL.md that validates, a script that runs, and a sample for
// `skillscale skills test`; gives back the folder. Error invalid_config for a name that the
// specification does not allow; io_error when the folder exists (nothing is touched) or cannot be written.
Result<std::filesystem::path> scaffold_skill(const std::string& name, const std::filesystem::path& parent,
                                             ScriptLanguage language);

}  // namespace skillscale
