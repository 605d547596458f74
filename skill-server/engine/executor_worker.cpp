// The part of the executor that calls warm workers.
#include <filesystem>
#include <utility>

#include "engine/executor.h"
#include "engine/run_environment.h"
#include "engine/run_limits.h"
#include "engine/warm_runners.h"
#include "os/run_leash.h"

namespace skillscale {
namespace {

constexpr int kAttempts = 2;  // A worker may have died since its last call, through no fault of this one.

}  // namespace

// As a run is started, but for what differs from call to call: that comes with each call.
Result<StartedWorker> Executor::start_worker(const Skill& skill, const RunMaxima& maxima, const RunLeash* leash) const {
  const auto shim = python_shim();
  if (!shim) return shim.error();
  auto folder = RunFolder::create(settings_.run_folders);
  if (!folder) return std::move(folder).error();
  if (auto linked = folder->link_skill(skill.folder); !linked) return std::move(linked).error();
  const std::string& python = skill.function->python;
  RunEnvironment environment;
  add_skill_variables(environment, skill, python, *folder);
  add_function_variables(environment, skill, *folder);
  const std::filesystem::path runtime = std::filesystem::path(*shim).parent_path();

  Confinement confinement;
  confinement.limits = resource_limits(maxima);
  ChildSpec spec{.program = python,
                 .argv = {python, "-B", runtime / PythonRuntime::kWorkerFile},
                 .environment = environment.variables(),
                 .working_folder = folder->path(),
                 .result = true,
                 .confinement = &confinement,
                 .leash = leash};
  std::optional<SandboxPolicy::ConfinedRun> confined;
  if (settings_.sandbox != nullptr) {
    std::vector<std::string> readable{runtime.native()};
    if (leash != nullptr && leash->shim != nullptr) readable.push_back(*leash->shim);
    auto made = settings_.sandbox->confine(skill, python, folder->path(), confinement.limits, readable);
    if (!made) return std::move(made).error();
    confined.emplace(*std::move(made));
    confined->apply_to(spec);
  }
  auto process = ChildProcess::launch(spec);
  if (!process) return std::move(process).error();
  StartedWorker started{.process = *std::move(process), .folder = *std::move(folder), .warnings = {}};
  if (confined) started.warnings = std::move(confined->warnings);
  return started;
}

std::optional<Reply> Executor::call_worker(const RunWork& work, const RunPlan& plan, const RunBounds& bounds,
                                           int cancel_fd, const RunContext& context,
                                           std::vector<std::string>& warnings) const {
  if (context.warm == nullptr || plan.kind != RunPlan::Kind::function) return std::nullopt;
  WarmRunners& warm = *context.warm;
  const RunnerChoice choice = choose_runner(*work.skill, work.intent, context.observer != nullptr, warm.settings());
  if (choice.runner != Runner::worker) return std::nullopt;
  // The kernel counts it for the whole life of a process.
  Error problem{ErrorCode::not_allowed, "a limit of processor time needs a process for each run"};
  for (int attempt = 0; attempt < kAttempts && bounds.maxima.cpu.count() == 0; ++attempt) {
    auto reply = try_worker(work, plan, bounds, cancel_fd, context);
    if (reply) return *std::move(reply);
    problem = std::move(reply).error();
  }
  warm.fell_back();
  warnings.push_back("the run had a start of its own: " + problem.detail);
  return std::nullopt;
}

Result<Reply> Executor::try_worker(const RunWork& work, const RunPlan& plan, const RunBounds& bounds, int cancel_fd,
                                   const RunContext& context) const {
  WarmRunners& warm = *context.warm;
  const auto before = std::chrono::steady_clock::now();
  const auto found = warm.worker_for(work.skill, context.leash, [&](const RunLeash* leash) {
    return start_worker(*work.skill, bounds.maxima, leash);
  });
  if (!found) return found.error();
  WarmRunners::Worker& worker = **found;
  const auto spawn_time = std::chrono::steady_clock::now() - before;
  const RunLimits limits = limits_for(bounds, settings_.kill_grace, worker.folder.path());
  auto outcome = worker.worker.call(function_call_json(work), limits, cancel_fd);
  if (!outcome) {
    warm.lost(worker);
    return std::move(outcome).error();
  }
  outcome->spawn_time = spawn_time;
  Reply reply = conclude(*std::move(outcome), work, plan, bounds, worker.folder);
  reply.warnings.insert(reply.warnings.end(), worker.warnings.begin(), worker.warnings.end());
  warm.done_with(worker, limits);
  return reply;
}

}  // namespace skillscale
