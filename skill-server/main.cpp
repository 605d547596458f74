#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include "daemon/logging.h"
#include "engine/kill_ladder.h"
#include "os/core_dumps.h"
#include "skill-server/server.h"

namespace {

using namespace skillscale;

int fail(const Error& error) {
  std::fprintf(stderr, "skillscale_skill_server: %s\n", error.detail.c_str());
  return error.code == ErrorCode::invalid_config ? 2 : 1;
}

// Interpreters are looked for where the daemon itself would find them.
Result<Interpreters> find_interpreters(const ServerSettings& settings) {
  const char* path = std::getenv("PATH");
  return Interpreters::create(settings.interpreters, path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
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
  keep_memory_private();                                            // Credentials of runs pass through it.
  auto shutdown = Shutdown::on_signals({SIGINT, SIGTERM, SIGHUP});  // Before the first thread.
  const auto ladder = KillLadder::start(settings.kill_strategy);    // Forks: before the first thread, too.
  start_log("skillscale_skill_server", settings.common);
  if (!ladder) return fail(ladder.error());
  log_ladder(**ladder);
  for (const std::string& line : loaded->effective) log::debug(line);
  auto interpreters = find_interpreters(settings);
  if (!interpreters) return fail(interpreters.error());
  SandboxSettings sandbox_settings = settings.sandbox;
  sandbox_settings.protected_processes.push_back((*ladder)->guardian().pid());
  const auto sandbox = SandboxPolicy::create(settings.sandbox_rules, sandbox_settings);
  if (!sandbox) return fail(sandbox.error());
  log_sandbox(*sandbox);

  CatalogueWatch watch({.folder = settings.skills_folder,
                        .mode = settings.watch_mode,
                        .copies_folder = settings.copy_skills ? settings.run_folders : std::string()},
                       std::move(*interpreters));
  auto skills = watch.start();  // The first thread begins here: what is to be forked before comes before it.
  if (!skills) return fail({skills.error().code, "skills-dir: " + skills.error().detail});
  log_catalogue(nullptr, **skills, settings.skills_folder);

  zmq::context_t context = make_context();
  const SystemClock clock;
  const auto server = Server::create(settings, {.context = context,
                                                .clock = clock,
                                                .catalogue = std::move(*skills),
                                                .watch = &watch,
                                                .ladder = ladder->get(),
                                                .sandbox = &*sandbox});
  if (!server) return fail(server.error());
  return (*server)->run(&shutdown);
} catch (const std::exception& error) {
  return fail({ErrorCode::internal, error.what()});
}
