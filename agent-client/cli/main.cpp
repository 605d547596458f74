// The `skillscale` command: what an agent can do, for people and scripts.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "agent-client/command_text.h"
#include "commands.h"
#include "daemon/config.h"

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  skillscale publish TOPIC_DATA_PROCESSING --skill text-summarizer --file report.txt\n"
    "  skillscale skills list skills/\n"
    "  skillscale shell\n"
    "\n"
    "Each command has its own --help, with examples: skillscale publish --help\n"
    "\n";

int run(int argc, char** argv) {
  CLI::App app{"Publish intents to skills, and look after the skills of a folder.", "skillscale"};
  app.set_version_flag("--version", "skillscale " + std::string(skillscale::version()));
  app.require_subcommand(1);
  app.footer(std::string(kFooter) + std::string(skillscale::agent::exit_status_help()));

  int status = skillscale::agent::kExitSuccess;
  skillscale::cli::add_publish(app, status);
  skillscale::cli::add_run_local(app, status);
  skillscale::cli::add_skills(app, status);
  skillscale::cli::add_shell(app, status);
  skillscale::cli::add_version(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version are errors with the code 0.
    return app.exit(error) == 0 ? skillscale::agent::kExitSuccess : skillscale::agent::kExitUsage;
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) try { return run(argc, argv); } catch (const std::exception& error) {
  std::cerr << "skillscale: " << error.what() << '\n';
  return skillscale::agent::kExitSkillFailed;
}
