// Skills that are run here, through the server's own executor, without proxy or server.
#pragma once

#include <string>

#include "base/result.h"
#include "skill-server/catalogue.h"
#include "skill-server/executor.h"

namespace skillscale::cli {

// The skills of a folder; also of one that is a skill itself.
Result<ScanResult> scan_here(const std::string& folder);

// As a skill server has it when nothing else is said.
ExecutorSettings local_executor_settings();

// Runs it to its end; the reply has a server's fields, except those of the fabric.
Reply run_here(const Executor& executor, SkillPtr skill, Intent intent, int cancel_fd);

}  // namespace skillscale::cli
