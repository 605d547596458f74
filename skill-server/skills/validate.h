// Checking skills before they are shipped: `skillscale skills validate DIR`.
#pragma once

#include <cstddef>
#include <filesystem>

#include "base/result.h"
#include "skills/interpreter.h"
#include "skills/problem.h"

namespace skillscale {

struct Validation {
  std::size_t skills = 0;  // How many SKILL.md were looked at.
  Problems problems;

  bool passed() const noexcept { return !has_error(problems); }
};

// Validates the skill in `folder`, or every skill below it, as strictly as the
// reference validator of the specification does, and our metadata keys and the entry
// script with it. No skill at all is a problem. Error invalid_config when
// `folder` cannot be read.
Result<Validation> validate_skills(const std::filesystem::path& folder, const Interpreters& interpreters);

}  // namespace skillscale
