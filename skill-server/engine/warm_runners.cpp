#include "engine/warm_runners.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "daemon/logging.h"
#include "skills/python_command.h"

namespace skillscale {
namespace {

bool is_python(const std::string& program) {
  return std::filesystem::path(program).filename().native().starts_with("python");
}

// Why a run cannot be a call of a worker, or empty.
std::string_view why_no_worker(const Skill& skill, const Intent& intent, bool observed, const WarmSettings& settings) {
  if (!settings.allow_worker) return "the server does not allow it";
  if (skill.adapter != Adapter::function || !skill.function) return "it is only for functions";
  if (!intent.script.empty()) return "the intent names a script";
  if (!intent.files.empty()) return "the intent has files";
  if (!intent.collect.empty()) return "the intent collects files";
  if (!intent.env.empty()) return "the intent has variables";
  if (observed) return "the intent wants its output while it runs";
  return {};
}

bool is_same_version(const Skill& a, const Skill& b) { return a.digest == b.digest && a.folder == b.folder; }

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount = 1) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace

std::vector<std::string> WarmSettings::default_preload() {
  return {"argparse",   "base64",      "collections",  "copy",     "csv",     "dataclasses", "datetime",
          "enum",       "functools",   "glob",         "hashlib",  "html",    "io",          "itertools",
          "json",       "logging",     "math",         "pathlib",  "random",  "re",          "shutil",
          "statistics", "string",      "subprocess",   "tempfile", "time",    "textwrap",    "typing",
          "traceback",  "unicodedata", "urllib.parse", "uuid",     "zipfile", "zlib"};
}

std::string_view name_of(WorkerEnd end) noexcept {
  constexpr std::array<std::string_view, kWorkerEnds> kNames{"calls",  "memory",  "age", "folder",
                                                             "broken", "version", "room"};
  return kNames[static_cast<std::size_t>(end)];
}

RunnerChoice choose_runner(const Skill& skill, const Intent& intent, bool observed, const WarmSettings& settings) {
  const Runner wanted = skill.runner.value_or(settings.runner);
  RunnerChoice choice{
      .runner = wanted, .reason = skill.runner ? "the skill asks for it" : "the server's default", .warning = {}};
  if (wanted != Runner::worker) return choice;
  const std::string_view obstacle = why_no_worker(skill, intent, observed, settings);
  if (obstacle.empty()) return choice;
  choice.runner = settings.runner == Runner::worker ? Runner::cold : settings.runner;
  choice.reason = "no worker, because " + std::string(obstacle);
  // An intent that needs more than a call is nothing to be warned of.
  if (!settings.allow_worker) choice.warning = "the skill asks for the runner worker; " + std::string(obstacle);
  return choice;
}

Result<std::unique_ptr<RunningProcess>> WarmRunners::launch_from_zygote(const ChildSpec& spec) {
  // Before a zygote is made for it: most programs that need an interpreter of their own always do.
  if (const auto command = to_python_command(spec); !command) return command.error();
  auto found = zygotes_.find(spec.program);
  if (found == zygotes_.end()) {
    if (zygotes_.size() >= limits::kZygotesMax) zygotes_.erase(zygotes_.begin());
    found = zygotes_.emplace(spec.program, std::make_unique<Zygote>(spec.program, settings_.zygote, clock_)).first;
  }
  const Zygote::Counters before = found->second->counters();
  auto process = found->second->launch(spec);
  const Zygote::Counters& after = found->second->counters();
  add(counters_.zygote_starts, after.starts - before.starts);
  for (std::size_t reason = 0; reason < kRecycleReasons; ++reason) {
    add(counters_.zygote_recycled[reason], after.recycled[reason] - before.recycled[reason]);
  }
  return process;
}

Result<WarmRunners::Launched> WarmRunners::launch(const RunnerChoice& choice, const ChildSpec& spec) {
  std::string warning = choice.warning;
  if (choice.runner == Runner::zygote && is_python(spec.program)) {
    auto process = launch_from_zygote(spec);
    if (process) {
      add(counters_.runs[static_cast<std::size_t>(Runner::zygote)]);
      return Launched{*std::move(process), std::move(warning)};
    }
    // What needs an interpreter of its own is no failure, and starting it again says what is wrong with it.
    if (process.error().code != ErrorCode::not_allowed) {
      add(counters_.zygote_fallbacks);
      warning = "the run had a cold start: " + process.error().detail;
    }
    log::debug("a run starts cold", {{"program", spec.program}, {"reason", process.error().detail}});
  }
  auto process = ChildProcess::launch(spec);
  if (!process) return std::move(process).error();
  add(counters_.runs[static_cast<std::size_t>(Runner::cold)]);
  return Launched{*std::move(process), std::move(warning)};
}

std::unique_ptr<WarmRunners::Hold> WarmRunners::hold_like(const RunLeash& leash) {
  auto hold = std::make_unique<Hold>();
  hold->leash = leash;
  if (leash.cgroup == nullptr) return hold;
  auto cgroup = leash.cgroup->create_beside("-" + std::to_string(workers_started_));
  if (cgroup) {
    hold->cgroup = *std::move(cgroup);
  } else {
    log::warn("a worker has no control group", {{"problem", cgroup.error().detail}});
    hold->leash.strategy = KillStrategy::pinned;
  }
  hold->leash.cgroup = hold->cgroup.get();
  return hold;
}

void WarmRunners::end_if(WorkerEnd why, const std::function<bool(const Worker&)>& condition) {
  const std::size_t ended = workers_.remove_if(condition);
  add(counters_.workers_ended[static_cast<std::size_t>(why)], ended);
}

Result<WarmRunners::Worker*> WarmRunners::worker_for(const SkillPtr& skill, const RunLeash* leash,
                                                     const StartWorker& start) {
  const SteadyTime now = clock_.steady_now();
  end_if(WorkerEnd::age, [&](const Worker& each) { return now - each.started > settings_.worker_age_max; });
  end_if(WorkerEnd::version,
         [&](const Worker& each) { return each.skill->name == skill->name && !is_same_version(*each.skill, *skill); });
  const auto found = std::find_if(workers_.begin(), workers_.end(),
                                  [&](const Worker& each) { return each.skill->name == skill->name; });
  if (found != workers_.end()) {
    workers_.splice(workers_.begin(), workers_, found);
    return &workers_.front();
  }
  while (workers_.size() >= std::max<std::size_t>(settings_.workers_max, 1)) {
    const Worker* const oldest = &workers_.back();
    end_if(WorkerEnd::room, [oldest](const Worker& each) { return &each == oldest; });
  }
  ++workers_started_;
  auto hold = leash == nullptr ? nullptr : hold_like(*leash);
  auto started = start(hold ? &hold->leash : nullptr);
  if (!started) return std::move(started).error();
  add(counters_.worker_starts);
  workers_.push_front({.skill = skill,
                       .hold = std::move(hold),
                       .folder = std::move(started->folder),
                       .worker = WarmWorker(std::move(started->process)),
                       .warnings = std::move(started->warnings),
                       .started = now});
  return &workers_.front();
}

std::optional<WorkerEnd> WarmRunners::end_of(const Worker& worker, const RunLimits& limits) const {
  const WarmWorker& used = worker.worker;
  if (!used.usable()) return WorkerEnd::broken;
  if (used.calls() >= settings_.worker_calls_max) return WorkerEnd::calls;
  if (used.grown_bytes() > settings_.worker_growth_bytes_max) return WorkerEnd::memory;
  if (clock_.steady_now() - worker.started > settings_.worker_age_max) return WorkerEnd::age;
  if (!limits.watches_folder() || used.calls() % limits::kWarmWorkerFolderCheckCalls != 0) return std::nullopt;
  return past_limits({}, limits) ? std::optional(WorkerEnd::folder) : std::nullopt;
}

void WarmRunners::done_with(Worker& worker, const RunLimits& limits) {
  add(counters_.runs[static_cast<std::size_t>(Runner::worker)]);
  if (const auto end = end_of(worker, limits)) {
    end_if(*end, [&worker](const Worker& each) { return &each == &worker; });
  }
}

void WarmRunners::lost(Worker& worker) {
  end_if(WorkerEnd::broken, [&worker](const Worker& each) { return &each == &worker; });
}

void WarmRunners::fell_back() { add(counters_.worker_fallbacks); }

}  // namespace skillscale
