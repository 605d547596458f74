// Which Python modules a skill's files need, and whether the interpreter has them.
// For people who look at a skill; a server that starts does not ask.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "skills/skill.h"

namespace skillscale {

// The top-level names of what `source` imports at the beginning of a line, sorted. Imports that are
// indented depend on something, and are left out. Any bytes are fine.
std::vector<std::string> imports_in(std::string_view source);

// For each Python file of the skill's scripts and function that imports what its interpreter does
// not have: the names, sorted. Modules beside the file or in the skill's folders are there. Starts each
// interpreter once. Error when an interpreter cannot be asked.
Result<std::map<std::string, std::vector<std::string>>> missing_modules(const Skill& skill);

}  // namespace skillscale
