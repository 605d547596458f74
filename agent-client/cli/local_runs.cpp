#include "local_runs.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/limits.h"
#include "console.h"
#include "os/core_dumps.h"

namespace skillscale::cli {

Result<ScanResult> scan_here(const std::string& folder) {
  auto interpreters = Interpreters::create({}, environment("PATH").value_or("/usr/bin:/bin"));
  if (!interpreters) return std::move(interpreters).error();
  return Catalogue::scan(folder, *interpreters);
}

void add_sandbox_options(CLI::App& command, SandboxOptions& options) {
  command.add_option("--sandbox", options.profile, "Sandbox, unless the skill asks for a stronger one")
      ->check(CLI::IsMember({"none", "standard", "strict"}))
      ->capture_default_str();
  command.add_flag("--allow-network", options.allow_network, "Give the network to a skill that asks for it");
}

Result<std::unique_ptr<LocalEngine>> LocalEngine::start(const SandboxOptions& options) {
  keep_memory_private();  // Credentials of runs pass through it.
  auto ladder = KillLadder::start("auto");
  if (!ladder) return std::move(ladder).error();
  const auto rules = SandboxRules::from_names(options.profile, options.profile, options.allow_network);
  if (!rules) return rules.error();
  SandboxSettings settings;
  settings.protected_processes.push_back((*ladder)->guardian().pid());
  auto sandbox = SandboxPolicy::create(*rules, settings);
  if (!sandbox) return std::move(sandbox).error();
  return std::unique_ptr<LocalEngine>(new LocalEngine(std::move(*ladder), std::move(*sandbox)));
}

LocalEngine::LocalEngine(std::unique_ptr<KillLadder> ladder, SandboxPolicy sandbox)
    : ladder_(std::move(ladder)),
      sandbox_(std::move(sandbox)),
      leash_(ladder_->leash_for(0)),
      executor_({.run_folders = environment("TMPDIR").value_or("/tmp"), .sandbox = &sandbox_}) {}

Reply LocalEngine::run(SkillPtr skill, Intent intent, int cancel_fd) const {
  const auto asked = intent.timeout ? *intent.timeout : skill->timeout.value_or(limits::kRunTimeoutDefault);
  const RunWork work{.intent = std::move(intent), .topic = "LOCAL", .skill = std::move(skill)};
  Reply reply = executor_.execute(work, std::min(asked, limits::kRunTimeoutMax), cancel_fd, {.leash = &leash_.leash()});
  reply.server = "local";
  reply.timestamp = to_epoch_seconds(SystemClock().wall_now());
  return reply;
}

}  // namespace skillscale::cli
