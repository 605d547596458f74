// What of a skill can be started: its scripts, and the function of a function-style skill.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "skills/interpreter.h"
#include "skills/manifest.h"
#include "skills/problem.h"
#include "skills/skill.h"

namespace skillscale {

// The files below scripts/ with a `#!` line, a known extension, or that are programs, with
// what starts them. No file outside `boundary` counts, whatever links say.
Result<std::vector<Script>> find_scripts(const std::filesystem::path& folder, const std::filesystem::path& boundary,
                                         const Interpreters& interpreters);

// Where `entrypoint` ("scripts/main.py", "scripts/main.py:run", "module:function") of the skill in
// `folder` begins. Error invalid_config when it is malformed, or its file is not inside the folder.
Result<FunctionEntry> resolve_entrypoint(const std::string& entrypoint, FunctionEntry::Dialect dialect,
                                         const std::filesystem::path& folder, const Interpreters& interpreters);

// The scripts whose text holds a function with the @skill decorator at the beginning of a line.
std::vector<std::string> find_decorated(const std::filesystem::path& folder, const std::vector<Script>& scripts);

}  // namespace skillscale
