// What a function-style skill is given, against what it declares.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "skills/skill.h"

namespace skillscale {

// Error invalid_request names every field that is missing or of another type. Fields
// that are not declared are passed on: the skill may take more than it says.
Result<void> check_input(const std::vector<Field>& fields, const std::optional<std::string>& input_json);

}  // namespace skillscale
