// From a skills directory to the skills in it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "base/result.h"
#include "skills/interpreter.h"
#include "skills/manifest.h"
#include "skills/problem.h"
#include "skills/skill.h"

namespace skillscale {

struct LoadedSkills {
  std::vector<SkillPtr> skills;  // In the order of the walk; no two with one name.
  std::size_t looked_at = 0;     // How many SKILL.md there were.
  Problems problems;
};

// Loads every skill at or below `root`, resolving entry scripts. No file
// outside `root` is read or chosen as a script, whatever links say. Error
// invalid_config when `root` cannot be read.
Result<LoadedSkills> load_skills(const std::filesystem::path& root, const Interpreters& interpreters,
                                 Strictness strictness);

}  // namespace skillscale
