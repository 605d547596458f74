// Skills that are run here, through the server's own executor, without proxy or server.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/executor.h"
#include "engine/kill_ladder.h"
#include "engine/sandbox_policy.h"
#include "skills/catalogue.h"

namespace skillscale::cli {

// The skills of a folder; also of one that is a skill itself.
Result<ScanResult> scan_here(const std::string& folder);

struct SandboxOptions {
  std::string profile = "standard";
  bool allow_network = false;
};

// Declares --sandbox and --allow-network.
void add_sandbox_options(CLI::App& command, SandboxOptions& options);

// What one worker of a skill server has: executor, sandbox and a hold on the whole tree of processes.
class LocalEngine {
 public:
  // Forks a guardian: call it before the first thread. Errors: invalid_config, not_allowed
  // (the machine lacks what the sandbox needs).
  static Result<std::unique_ptr<LocalEngine>> start(const SandboxOptions& options);

  // Runs it to its end; the reply has a server's fields, except those of the fabric.
  Reply run(SkillPtr skill, Intent intent, int cancel_fd) const;

 private:
  LocalEngine(std::unique_ptr<KillLadder> ladder, SandboxPolicy sandbox);

  const std::unique_ptr<KillLadder> ladder_;
  const SandboxPolicy sandbox_;
  const WorkerLeash leash_;
  const Executor executor_;
};

}  // namespace skillscale::cli
