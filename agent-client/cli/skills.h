// Looking after the skills of a folder: `skillscale skills`, and `skills` of the shell.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/result.h"
#include "skills/interpreter.h"

namespace skillscale::cli {

// The folder that is meant when none is named: SKILLSCALE_SKILLS_DIR, else "skills".
std::string default_skills_folder();

// Prints the skills of the folder; problems go to standard error. The exit status.
int list_skills(const std::string& folder, bool json);

// Those in PATH.
Result<Interpreters> installed_interpreters();

// Parts of `skillscale skills`.
void add_skills_new(CLI::App& skills, int& status);
void add_skills_bundles(CLI::App& skills, int& status);

}  // namespace skillscale::cli
