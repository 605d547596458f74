// Inputs and outputs that a skill declares, in the ways that the known dialects write them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "skills/frontmatter.h"
#include "skills/skill.h"

namespace skillscale {

// Called with the line and the text of what is wrong.
using FaultReport = std::function<void(std::size_t line, std::string message)>;

// Reads a mapping from names to types or to descriptions with `type`, `description`, `default` and
// `required` (Skillet), or a list of such descriptions with `name` (open-skills). One that says
// nothing of being required is so if `required_by_default`, unless it has a default.
std::vector<Field> read_fields(const YamlValue& value, bool required_by_default, const FaultReport& fault);

// A YAML value as JSON text; plain scalars that look like numbers, true, false or null become such.
std::string to_json_text(const YamlValue& value);

}  // namespace skillscale
