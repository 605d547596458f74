// Looking after the skills of a folder: `skillscale skills`, and `skills` of the shell.
#pragma once

#include <string>

namespace skillscale::cli {

// The folder that is meant when none is named: SKILLSCALE_SKILLS_DIR, else "skills".
std::string default_skills_folder();

// Prints the skills of the folder; problems go to standard error. The exit status.
int list_skills(const std::string& folder, bool json);

}  // namespace skillscale::cli
