#include "skill-server/warm_runners.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "daemon/logging.h"
#include "skill-server/python_command.h"

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

RunnerChoice cold(std::string reason) { return {.runner = Runner::cold, .reason = std::move(reason), .warning = {}}; }

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

std::string_view name_of(Runner runner) noexcept {
  switch (runner) {
    case Runner::cold:
      return "cold";
    case Runner::zygote:
      return "zygote";
    case Runner::worker:
      break;
  }
  return "worker";
}

RunnerChoice choose_runner(const Skill& skill, const Intent& intent, bool observed, const WarmSettings& settings) {
  const bool server_decides = !skill.runner.has_value();
  const Runner wanted = skill.runner.value_or(settings.runner);
  if (wanted == Runner::cold) return cold(server_decides ? "the server's default" : "the skill asks for it");
  if (wanted == Runner::zygote) {
    return {.runner = Runner::zygote,
            .reason = server_decides ? "the server's default" : "the skill asks for it",
            .warning = {}};
  }
  const std::string_view obstacle = why_no_worker(skill, intent, observed, settings);
  if (obstacle.empty()) return {.runner = Runner::worker, .reason = "the skill asks for it", .warning = {}};
  RunnerChoice choice = cold("no worker, because " + std::string(obstacle));
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

const RunLeash* WarmRunners::leash_for_worker(const RunLeash* leash) {
  if (leash == nullptr) return nullptr;
  if (!worker_leash_) {
    worker_leash_ = *leash;
    worker_leash_->cgroup = nullptr;
    if (worker_leash_->strategy == KillStrategy::cgroup) worker_leash_->strategy = KillStrategy::pinned;
  }
  return &*worker_leash_;
}

Result<WarmRunners::Worker*> WarmRunners::worker_for(const Skill& skill, const StartWorker& start) {
  const std::string key = skill.digest + " " + skill.folder.native();
  const auto found = std::find_if(workers_.begin(), workers_.end(), [&](const auto& w) { return w.skill == key; });
  if (found != workers_.end()) {
    workers_.splice(workers_.begin(), workers_, found);
    return &workers_.front();
  }
  while (workers_.size() >= std::max<std::size_t>(settings_.workers_max, 1)) workers_.pop_back();
  auto started = start();
  if (!started) return std::move(started).error();
  add(counters_.worker_starts);
  workers_.push_front({.folder = std::move(started->folder),
                       .worker = WarmWorker(std::move(started->process)),
                       .skill = key,
                       .started = clock_.steady_now()});
  return &workers_.front();
}

void WarmRunners::done_with(Worker& worker) {
  add(counters_.runs[static_cast<std::size_t>(Runner::worker)]);
  const WarmWorker& used = worker.worker;
  const bool stays = used.usable() && used.calls() < settings_.worker_calls_max &&
                     used.rss_bytes() <= settings_.worker_rss_bytes_max &&
                     clock_.steady_now() - worker.started <= settings_.worker_age_max;
  if (stays) return;
  add(counters_.workers_ended);
  workers_.remove_if([&](const Worker& each) { return &each == &worker; });
}

}  // namespace skillscale
