// The sub-commands of `skillscale`, one file each. Each add_ function declares its
// command; when it is the one that was asked for, its exit status is stored in `status`.
#pragma once

#include <CLI/CLI.hpp>

namespace skillscale::cli {

void add_publish(CLI::App& app, int& status);
void add_run_local(CLI::App& app, int& status);
void add_skills(CLI::App& app, int& status);
void add_skills_test(CLI::App& skills, int& status);  // Of `skillscale skills`.
void add_shell(CLI::App& app, int& status);
void add_version(CLI::App& app, int& status);

}  // namespace skillscale::cli
