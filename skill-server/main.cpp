#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "daemon/logging.h"
#include "os/core_dumps.h"
#include "skill-server/kill_ladder.h"
#include "skill-server/server.h"

namespace {

using namespace skillscale;

int fail(const Error& error) {
  std::fprintf(stderr, "skillscale_skill_server: %s\n", error.detail.c_str());
  return error.code == ErrorCode::invalid_config ? 2 : 1;
}

// Interpreters are looked for where the daemon itself would find them.
Result<ScanResult> scan_skills(const ServerSettings& settings) {
  const char* path = std::getenv("PATH");
  const auto interpreters =
      Interpreters::create(settings.interpreters, path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
  if (!interpreters) return interpreters.error();
  auto scanned = Catalogue::scan(settings.skills_folder, *interpreters);
  if (!scanned) return Error{scanned.error().code, "skills-dir: " + scanned.error().detail};
  return scanned;
}

void log_problems(const ScanResult& scanned, const std::string& folder) {
  for (const Problem& problem : scanned.problems) {
    const bool fatal = problem.severity == Severity::error;
    log::write(fatal ? log::Level::error : log::Level::warn,
               fatal ? "a skill cannot be used as it is" : "a skill has a flaw",
               {{"file", problem.file.native()}, {"line", problem.line}, {"problem", problem.message}});
  }
  if (scanned.catalogue.all().empty()) log::warn("no skill is loaded", {{"folder", folder}});
}

void log_ladder(const KillLadder& ladder) {
  log::info("runs are killed as a whole",
            {{"strategy", name_of(ladder.strategy())}, {"guardian", ladder.guardian().pid()}});
  if (!ladder.cgroup_problem().empty()) log::debug("no control groups", {{"reason", ladder.cgroup_problem()}});
  if (ladder.strategy() == KillStrategy::group) {
    log::warn("what leaves the process group of its run is not killed", {{"strategy", "group"}});
  }
}

void log_sandbox(const SandboxPolicy& policy) {
  const SandboxFeatures& has = policy.sandbox().features();
  log::info("sandbox", {{"profile", name_of(policy.rules().profile)},
                        {"weakest", name_of(policy.rules().weakest)},
                        {"network", policy.rules().allow_network},
                        {"seccomp", has.seccomp},
                        {"landlock_abi", has.landlock_abi},
                        {"namespaces", has.namespaces ? "yes" : "no: " + has.namespaces_problem}});
  if (policy.rules().profile == SandboxProfile::none) {
    log::warn("skills are not confined: they may do all that this server may");
  }
  for (const std::string& feature : policy.sandbox().missing(policy.rules().profile)) {
    log::warn("the sandbox is weaker than it should be", {{"missing", feature}});
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const auto loaded = load_settings(argc, argv, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
  if (!loaded) return fail(loaded.error());
  if (loaded->finished.exit_now) {
    std::fputs(loaded->finished.output.c_str(), stdout);
    return 0;
  }
  const ServerSettings& settings = loaded->settings;
  keep_memory_private();                                          // Credentials of runs pass through it.
  auto shutdown = Shutdown::on_signals({SIGINT, SIGTERM});        // Before the first thread.
  const auto ladder = KillLadder::start(settings.kill_strategy);  // Forks: before the first thread, too.
  start_log("skillscale_skill_server", settings.common);
  if (!ladder) return fail(ladder.error());
  log_ladder(**ladder);
  for (const std::string& line : loaded->effective) log::debug(line);
  const auto scanned = scan_skills(settings);
  if (!scanned) return fail(scanned.error());
  log_problems(*scanned, settings.skills_folder);

  SandboxSettings sandbox_settings = settings.sandbox;
  sandbox_settings.protected_processes.push_back((*ladder)->guardian().pid());
  const auto sandbox = SandboxPolicy::create(settings.sandbox_rules, sandbox_settings);
  if (!sandbox) return fail(sandbox.error());
  log_sandbox(*sandbox);

  zmq::context_t context = make_context();
  const SystemClock clock;
  const auto server = Server::create(settings, {.context = context,
                                                .clock = clock,
                                                .catalogue = scanned->catalogue,
                                                .ladder = ladder->get(),
                                                .sandbox = &*sandbox});
  if (!server) return fail(server.error());
  return (*server)->run(&shutdown);
} catch (const std::exception& error) {
  return fail({ErrorCode::internal, error.what()});
}
