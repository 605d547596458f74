// All about one skill, as `skillscale skills show` prints it.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "skills/skill.h"

namespace skillscale::cli {

// Python modules that are missing on this machine, by file.
using MissingModules = std::map<std::string, std::vector<std::string>>;

// What happens when the skill is asked to run.
std::string runs_text(const Skill& skill);

std::string details_text(const Skill& skill, const MissingModules& missing);

// Everything but the body and the missing modules.
nlohmann::ordered_json to_json(const Skill& skill);
nlohmann::ordered_json details_json(const Skill& skill, const MissingModules& missing);

}  // namespace skillscale::cli
