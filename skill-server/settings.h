// What an operator can say to a skill server.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "daemon/config.h"
#include "engine/artifacts.h"
#include "engine/run_plan.h"
#include "engine/sandbox_policy.h"
#include "engine/warm_runners.h"
#include "skill-server/catalogue_watch.h"

namespace skillscale {

struct ServerSettings {
  struct Proxy {
    std::string xsub;  // Where replies are published.
    std::string xpub;  // Where intents come from.
  };

  std::vector<std::string> topics;
  std::vector<std::string> groups{"default"};
  std::string skills_folder;
  std::vector<Proxy> proxies;
  std::size_t workers = limits::kWorkersDefault;
  std::uint32_t credits = 0;      // Of each membership; never 0 once loaded.
  bool credits_chosen = false;    // By the operator; else limits of skills add to them.
  std::size_t per_skill_max = 0;  // Runs of one skill at once; 0: as many as workers.
  std::size_t breaker_failures = limits::kBreakerFailuresDefault;  // 0: no circuit breakers.
  std::chrono::milliseconds breaker_cooldown = limits::kBreakerCooldownDefault;
  WatchSettings::Mode watch_mode = WatchSettings::Mode::automatic;
  bool copy_skills = true;
  std::chrono::milliseconds timeout = limits::kRunTimeoutDefault;
  std::chrono::milliseconds timeout_max = limits::kRunTimeoutMax;
  std::chrono::milliseconds kill_grace = limits::kKillGrace;
  std::string kill_strategy = "auto";  // Or a name of KillStrategy (os/kill_strategy.h).
  std::chrono::milliseconds drain_timeout = limits::kDrainTimeoutDefault;
  RunMaxima maxima{};
  ArtifactBounds artifacts{};
  std::size_t reply_cache_bytes = limits::kReplyCacheBytesMax;
  std::chrono::milliseconds reply_cache_time_max = limits::kReplyCacheTimeMax;
  std::string run_folders;                // Where the folder of each run is made.
  std::vector<std::string> interpreters;  // "name=/absolute/path".
  SandboxRules sandbox_rules;
  SandboxSettings sandbox;
  WarmSettings warm;
  std::string metrics_bind = "0.0.0.0";
  std::uint16_t metrics_port = 9101;
  std::string ready_file;  // Empty: none.
  CommonSettings common;
};

struct LoadedSettings {
  ServerSettings settings;
  Config::Finished finished;           // Of --help and --version.
  std::vector<std::string> effective;  // For the log.
};

// Error invalid_config says which setting, where it was made, and what is allowed.
Result<LoadedSettings> load_settings(int argc, const char* const* argv, const Config::Environment& environment);

}  // namespace skillscale
