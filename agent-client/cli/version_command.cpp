// skillscale version
#include <iostream>

#include "agent-client/command_text.h"
#include "commands.h"
#include "daemon/config.h"

namespace skillscale::cli {

void add_version(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("version", "Print the version");
  command->footer("Example:\n  skillscale version\n");
  command->callback([&status] {
    std::cout << "skillscale " << version() << '\n';
    status = agent::kExitSuccess;
  });
}

}  // namespace skillscale::cli
