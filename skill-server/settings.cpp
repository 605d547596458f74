#include "skill-server/settings.h"

#include <algorithm>
#include <set>

#include "bus/sockets.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

constexpr const char* kProgram = "skillscale_skill_server";
constexpr const char* kDescription =
    "Serves the skills of a folder on one or more topics: takes intents from a proxy, runs the skill that each "
    "one means, and publishes the reply.";
constexpr const char* kFooter = R"(Examples:
  skillscale_skill_server --topic TOPIC_DATA_PROCESSING --skills-dir skills/data-processing
  SKILLSCALE_TOPIC=TOPIC_A,TOPIC_B SKILLSCALE_SKILLS_DIR=/skills skillscale_skill_server

HTTP on the metrics port: /metrics (Prometheus), /healthz, /readyz, /v1/skills.

SIGTERM or SIGINT: takes no new intents, gives back what has not started, finishes
what runs (up to --drain-timeout), replies and ends. A second signal ends at once.

Exit status:
  0  stopped in good order
  1  cannot start (for example a port is taken), or was made to stop at once
  2  a setting is wrong)";

constexpr const char* kRefuse = "refuse";
constexpr const char* kDegrade = "degrade";
constexpr const char* kSame = "same";

// The types that Config fills, before they become ServerSettings.
struct Raw {
  std::vector<std::string> proxy_xsub{"tcp://127.0.0.1:5444"};
  std::vector<std::string> proxy_xpub{"tcp://127.0.0.1:5555"};
  std::int64_t workers = limits::kWorkersDefault;
  std::int64_t credits = 0;
  std::int64_t per_skill_max = 0;
  std::int64_t breaker_failures = limits::kBreakerFailuresDefault;
  std::string watch = "auto";
  std::string copy = "on";
  std::int64_t output_bytes_max = limits::kOutputBytesMax;
  std::int64_t memory_mb = limits::kRunMemoryMibMax;
  std::int64_t cpu_seconds = 0;
  std::int64_t folder_mb = limits::kRunFolderMibMax;
  std::int64_t files = limits::kRunFilesMax;
  std::int64_t processes = limits::kRunProcessesMax;
  std::int64_t artifacts = limits::kArtifactsMax;
  std::int64_t artifact_bytes = limits::kArtifactBytesMax;
  std::string sandbox{name_of(SandboxProfile::standard)};
  std::string sandbox_weakest = kSame;
  std::string sandbox_missing = kRefuse;
  bool allow_network = false;
  std::int64_t reply_cache_bytes = limits::kReplyCacheBytesMax;
  std::int64_t metrics_port = 9101;
  std::string runner = "cold";
};

Result<void> check_topic(std::string_view text) {
  if (is_topic(text)) return {};
  return Error{ErrorCode::invalid_config,
               "allowed are 1 to 128 letters, digits and . _ : -, beginning with a letter or digit"};
}

Error wrong(std::string detail) { return {ErrorCode::invalid_config, std::move(detail)}; }

void declare_fabric(Config& config, ServerSettings& settings, Raw& raw) {
  config.add_list("topic", "SKILLSCALE_TOPIC", settings.topics, "topic to serve; several: repeat it, or join by commas",
                  check_topic);
  config.add_list("group", "SKILLSCALE_GROUP", settings.groups,
                  "group to serve in: servers of one group share the intents, each group gets a copy", check_topic);
  config.add_list("proxy-xsub", "SKILLSCALE_PROXY_XSUB", raw.proxy_xsub,
                  "where replies are published; one address per proxy", check_endpoint);
  config.add_list("proxy-xpub", "SKILLSCALE_PROXY_XPUB", raw.proxy_xpub,
                  "where intents come from; one address per proxy, in the same order", check_endpoint);
  config.add_integer("credits", "SKILLSCALE_CREDITS", raw.credits, 0, limits::kCreditsMax,
                     "intents held at once per topic and group; 0: workers + 1, and 16 more when skills have limits");
}

void declare_running(Config& config, ServerSettings& settings, Raw& raw) {
  config.add_text("skills-dir", "SKILLSCALE_SKILLS_DIR", settings.skills_folder,
                  "folder of the skills: every SKILL.md below it");
  config.add_integer("workers", "SKILLSCALE_WORKERS", raw.workers, 1, limits::kWorkersMax, "skills run at once");
  config.add_choice("skills-watch", "SKILLSCALE_SKILLS_WATCH", raw.watch, {"auto", "poll", "off"},
                    "how changed skills are noticed: by the kernel, by looking every 2 s, or by SIGHUP alone");
  config.add_choice("skills-copy", "SKILLSCALE_SKILLS_COPY", raw.copy, {"on", "off"},
                    "run skills from copies below run-dir, so that a run keeps the version it began with");
  config.add_milliseconds("timeout", "SKILLSCALE_TIMEOUT", settings.timeout, 1ms, limits::kTimeoutMax,
                          "time of a run, unless the intent or the skill says otherwise");
  config.add_integer("max-concurrency-per-skill", "SKILLSCALE_MAX_CONCURRENCY_PER_SKILL", raw.per_skill_max, 0,
                     limits::kWorkersMax, "runs of one skill at once, whatever the skill says; 0: as many as workers");
  config.add_integer("breaker-failures", "SKILLSCALE_BREAKER_FAILURES", raw.breaker_failures, 0,
                     limits::kBreakerFailuresMax,
                     "crashes and time-outs in a row after which a skill is not run for a while; 0: never");
  config.add_milliseconds("breaker-cooldown", "SKILLSCALE_BREAKER_COOLDOWN", settings.breaker_cooldown, 1ms,
                          limits::kBreakerCooldownMax,
                          "how long it is not run; twice as long each time, up to 10 minutes");
  config.add_milliseconds("max-timeout", "SKILLSCALE_MAX_TIMEOUT", settings.timeout_max, 1ms, limits::kTimeoutMax,
                          "most time that an intent or a skill may ask for");
  config.add_milliseconds("kill-grace", "SKILLSCALE_KILL_GRACE", settings.kill_grace, 0ms, 10min,
                          "time between SIGTERM and SIGKILL for a run that is stopped");
  config.add_choice("kill-strategy", "SKILLSCALE_KILL_STRATEGY", settings.kill_strategy,
                    {"auto", "cgroup", "pinned", "shim", "group"},
                    "how a run is killed as a whole; auto: the best that this machine offers");
  config.add_milliseconds("drain-timeout", "SKILLSCALE_DRAIN_TIMEOUT", settings.drain_timeout, 0ms, limits::kTimeoutMax,
                          "time for running skills to finish when the server is stopped");
  config.add_integer("max-output-bytes", "SKILLSCALE_MAX_OUTPUT_BYTES", raw.output_bytes_max, 1,
                     static_cast<std::int64_t>(limits::kMessageBytesMax),
                     "bytes kept of stdout and of stderr; 16 times as much ends the run");
  config.add_integer("reply-cache-bytes", "SKILLSCALE_REPLY_CACHE_BYTES", raw.reply_cache_bytes, 0,
                     static_cast<std::int64_t>(limits::kReplyCacheBytesLimit),
                     "bytes of replies kept for requests that are sent again");
  config.add_milliseconds("reply-cache-time-max", "SKILLSCALE_REPLY_CACHE_TIME_MAX", settings.reply_cache_time_max, 0ms,
                          limits::kTimeoutMax, "how long replies are kept");
  config.add_text("run-dir", "SKILLSCALE_RUN_DIR", settings.run_folders,
                  "where the folder of each run is made; without it $TMPDIR, else /tmp");
  config.add_list("interpreter", "SKILLSCALE_INTERPRETER", settings.interpreters,
                  "NAME=/PATH: the program for scripts that ask for NAME, e.g. python3=/usr/bin/python3");
}

// Each is the most that a skill may ask for, and what it has when it asks for nothing.
void declare_maxima(Config& config, Raw& raw) {
  constexpr std::int64_t kMany = std::int64_t{1} << 30;
  config.add_integer("max-memory-mb", "SKILLSCALE_MAX_MEMORY_MB", raw.memory_mb, 0, kMany,
                     "MiB of memory of a run; 0: no limit");
  config.add_integer("max-cpu-seconds", "SKILLSCALE_MAX_CPU_SECONDS", raw.cpu_seconds, 0, kMany,
                     "seconds of processor time of each process of a run; 0: no limit but the time of the run");
  config.add_integer("max-folder-mb", "SKILLSCALE_MAX_FOLDER_MB", raw.folder_mb, 0, kMany,
                     "MiB of the files in a run's folder; 0: no limit");
  config.add_integer("max-files", "SKILLSCALE_MAX_FILES", raw.files, 0, kMany,
                     "files and folders in a run's folder; 0: no limit");
  config.add_integer("max-processes", "SKILLSCALE_MAX_PROCESSES", raw.processes, 0, kMany,
                     "processes of a run at one time; 0: no limit");
  config.add_integer("max-artifacts", "SKILLSCALE_MAX_ARTIFACTS", raw.artifacts, 0,
                     static_cast<std::int64_t>(limits::kArtifactsLimit), "files that a reply may carry back");
  config.add_integer("max-artifact-bytes", "SKILLSCALE_MAX_ARTIFACT_BYTES", raw.artifact_bytes, 0,
                     static_cast<std::int64_t>(limits::kArtifactBytesLimit), "bytes of these files together");
}

Result<void> check_absolute(std::string_view path) {
  if (path.starts_with('/')) return {};
  return Error{ErrorCode::invalid_config, "allowed are absolute paths"};
}

void declare_sandbox(Config& config, ServerSettings& settings, Raw& raw) {
  config.add_choice("sandbox", "SKILLSCALE_SANDBOX", raw.sandbox, {"none", "standard", "strict"},
                    "sandbox of skills that ask for none in particular");
  config.add_text(
      "sandbox-weakest", "SKILLSCALE_SANDBOX_WEAKEST", raw.sandbox_weakest,
      "the weakest sandbox that a skill may ask for: none, standard or strict; without it the same as sandbox");
  config.add_choice("sandbox-missing", "SKILLSCALE_SANDBOX_MISSING", raw.sandbox_missing, {kRefuse, kDegrade},
                    "what to do where the machine lacks what a sandbox needs");
  config.add_switch("allow-network", "SKILLSCALE_ALLOW_NETWORK", raw.allow_network,
                    "give the network to skills that ask for it");
  config.add_list("sandbox-readable", "SKILLSCALE_SANDBOX_READABLE", settings.sandbox.readable,
                  "file or folder that every run may read", check_absolute);
  config.add_list("sandbox-writable", "SKILLSCALE_SANDBOX_WRITABLE", settings.sandbox.writable,
                  "file or folder that every run may read and write; all runs share it", check_absolute);
}

Result<void> check_module(std::string_view name) {
  const bool fits =
      !name.empty() && name.size() <= limits::kPreloadNameBytesMax && name.front() != '.' && name.back() != '.' &&
      std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
      });
  if (fits) return {};
  return Error{ErrorCode::invalid_config, "allowed is the name of a Python module, e.g. urllib.parse"};
}

void declare_warm(Config& config, ServerSettings& settings, Raw& raw) {
  config.add_choice("runner", "SKILLSCALE_RUNNER", raw.runner, {"cold", "zygote", "worker"},
                    "how Python skills start that do not say it: with a fresh interpreter, as a fork of one that "
                    "waits, or (functions "
                    "only) as a call of one that stays");
  config.add_switch("allow-worker-runner", "SKILLSCALE_ALLOW_WORKER_RUNNER", settings.warm.allow_worker,
                    "let functions be called again and again in one interpreter, where a call sees what the calls "
                    "of the same skill before it have left");
  config.add_list("zygote-preload", "SKILLSCALE_ZYGOTE_PRELOAD", settings.warm.zygote.preload,
                  "Python modules that a waiting interpreter has imported", check_module);
}

void declare_admin(Config& config, ServerSettings& settings, Raw& raw) {
  config.add_integer("metrics-port", "SKILLSCALE_METRICS_PORT", raw.metrics_port, 0, 65535,
                     "port of the HTTP endpoint; 0: any free one");
  config.add_text("metrics-bind", "SKILLSCALE_METRICS_BIND", settings.metrics_bind, "address of the HTTP endpoint");
  config.add_text("ready-file", "SKILLSCALE_READY_FILE", settings.ready_file,
                  "file to write, with the HTTP address as JSON, once the server has joined a proxy");
  add_common_settings(config, settings.common);
}

void take_maxima(ServerSettings& settings, const Raw& raw) {
  settings.maxima = {.memory_bytes = static_cast<std::uint64_t>(raw.memory_mb) * limits::kMiB,
                     .cpu = std::chrono::seconds(raw.cpu_seconds),
                     .folder_bytes = static_cast<std::uint64_t>(raw.folder_mb) * limits::kMiB,
                     .files = static_cast<std::uint64_t>(raw.files),
                     .processes = static_cast<std::uint64_t>(raw.processes),
                     .output_bytes = static_cast<std::size_t>(raw.output_bytes_max)};
  settings.artifacts = {.count_max = static_cast<std::size_t>(raw.artifacts),
                        .bytes_max = static_cast<std::size_t>(raw.artifact_bytes)};
}

Result<void> take_sandbox(ServerSettings& settings, const Raw& raw) {
  const std::string& weakest = raw.sandbox_weakest == kSame ? raw.sandbox : raw.sandbox_weakest;
  const auto rules = SandboxRules::from_names(raw.sandbox, weakest, raw.allow_network);
  if (!rules) return rules.error();
  settings.sandbox_rules = *rules;
  settings.sandbox.on_missing =
      raw.sandbox_missing == kDegrade ? SandboxSettings::OnMissing::degrade : SandboxSettings::OnMissing::refuse;
  return {};
}

Result<void> take_runner(ServerSettings& settings, const Raw& raw) {
  if (raw.runner == name_of(Runner::zygote)) settings.warm.runner = Runner::zygote;
  if (raw.runner == name_of(Runner::worker)) settings.warm.runner = Runner::worker;
  if (settings.warm.runner != Runner::worker || settings.warm.allow_worker) return {};
  return wrong("runner: worker is not allowed without allow-worker-runner");
}

Result<void> take_over(ServerSettings& settings, const Raw& raw) {
  if (settings.topics.empty()) return wrong("topic is missing: give --topic TOPIC (or SKILLSCALE_TOPIC)");
  if (settings.groups.empty()) return wrong("group is empty: give --group GROUP, or leave it out");
  if (settings.skills_folder.empty()) {
    return wrong("skills-dir is missing: give --skills-dir FOLDER (or SKILLSCALE_SKILLS_DIR)");
  }
  if (raw.proxy_xsub.size() != raw.proxy_xpub.size() || raw.proxy_xsub.empty()) {
    return wrong("proxy-xsub has " + std::to_string(raw.proxy_xsub.size()) + " addresses and proxy-xpub has " +
                 std::to_string(raw.proxy_xpub.size()) + ": each proxy needs one of both");
  }
  const std::size_t memberships = settings.topics.size() * settings.groups.size();
  if (memberships > limits::kServerTopicsMax) {
    return wrong("topic and group make " + std::to_string(memberships) + " memberships; at most " +
                 std::to_string(limits::kServerTopicsMax) + " are allowed");
  }
  for (const auto* names : {&settings.topics, &settings.groups}) {
    if (std::set<std::string>(names->begin(), names->end()).size() == names->size()) continue;
    return wrong(std::string(names == &settings.topics ? "topic" : "group") + " names the same one twice");
  }
  for (std::size_t index = 0; index < raw.proxy_xsub.size(); ++index) {
    settings.proxies.push_back({.xsub = raw.proxy_xsub[index], .xpub = raw.proxy_xpub[index]});
  }
  settings.workers = static_cast<std::size_t>(raw.workers);
  if (auto taken = take_runner(settings, raw); !taken) return taken;
  settings.credits = static_cast<std::uint32_t>(raw.credits > 0 ? raw.credits : raw.workers + 1);
  settings.credits_chosen = raw.credits > 0;
  settings.per_skill_max = static_cast<std::size_t>(raw.per_skill_max);
  settings.breaker_failures = static_cast<std::size_t>(raw.breaker_failures);
  settings.watch_mode = raw.watch == "off"    ? WatchSettings::Mode::off
                        : raw.watch == "poll" ? WatchSettings::Mode::poll
                                              : WatchSettings::Mode::automatic;
  settings.copy_skills = raw.copy == "on";
  take_maxima(settings, raw);
  if (auto taken = take_sandbox(settings, raw); !taken) return taken;
  settings.reply_cache_bytes = static_cast<std::size_t>(raw.reply_cache_bytes);
  settings.metrics_port = static_cast<std::uint16_t>(raw.metrics_port);
  return {};
}

}  // namespace

Result<LoadedSettings> load_settings(int argc, const char* const* argv, const Config::Environment& environment) {
  LoadedSettings loaded;
  Raw raw;
  Config config(kProgram, kDescription);
  config.group("Fabric");
  declare_fabric(config, loaded.settings, raw);
  config.group("Running skills");
  declare_running(config, loaded.settings, raw);
  declare_warm(config, loaded.settings, raw);
  config.group("What a run may use");
  declare_maxima(config, raw);
  config.group("Sandbox");
  declare_sandbox(config, loaded.settings, raw);
  config.group("This process");
  declare_admin(config, loaded.settings, raw);
  config.set_footer(kFooter);
  auto finished = config.load(argc, argv, environment);
  if (!finished) return std::move(finished).error();
  loaded.finished = std::move(*finished);
  if (loaded.finished.exit_now) return loaded;
  if (auto taken = take_over(loaded.settings, raw); !taken) return std::move(taken).error();
  if (loaded.settings.run_folders.empty()) loaded.settings.run_folders = environment("TMPDIR").value_or("/tmp");
  loaded.effective = config.effective();
  return loaded;
}

}  // namespace skillscale
