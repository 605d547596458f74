#include "engine/executor.h"

#include <filesystem>
#include <string_view>
#include <utility>

#include "engine/credentials.h"
#include "engine/judge.h"
#include "engine/run_environment.h"
#include "engine/run_limits.h"
#include "engine/warm_runners.h"
#include "os/run_leash.h"
#include "os/running_process.h"
#include "os/supervised_run.h"

namespace skillscale {
namespace {

constexpr std::string_view kCallVariable = "SKILLSCALE_CALL";

std::uint64_t bytes_in(const Intent& intent) {
  std::uint64_t bytes = intent.stdin_data.size() + (intent.input_json ? intent.input_json->size() : 0);
  for (const InputFile& file : intent.files) bytes += file.content.size();
  return bytes;
}

// No process can have got away that still knows the run's folder. (Warm workers have folders of their own.)
bool leaves_nobody(const RunContext& context) {
  return context.leash != nullptr && context.leash->strategy != KillStrategy::group;
}

void remove_secrets(Reply& reply, const Intent& intent) {
  const Secrets secrets(intent.env);
  if (secrets.empty()) return;
  secrets.remove_from(reply.content);
  secrets.remove_from(reply.error);
  secrets.remove_from(reply.stderr_tail);
  secrets.remove_from(reply.outputs_json);
  for (std::string& warning : reply.warnings) secrets.remove_from(warning);
}

// The one place where a program becomes a process: a fresh one, or a fork of an interpreter
// that waits. It belongs to this thread.
Result<std::unique_ptr<RunningProcess>> launch(const ChildSpec& spec, const RunWork& work, const RunContext& context,
                                               std::vector<std::string>& warnings) {
  if (context.warm == nullptr) return ChildProcess::launch(spec);
  // Bubblewrap has to be started before the interpreter, so that a waiting one is of no use.
  const RunnerChoice choice =
      spec.confinement->wraps_program
          ? RunnerChoice{}
          : choose_runner(*work.skill, work.intent, context.observer != nullptr, context.warm->settings());
  auto launched = context.warm->launch(choice, spec);
  if (!launched) return std::move(launched).error();
  if (!launched->warning.empty()) warnings.push_back(std::move(launched->warning));
  return std::move(launched->process);
}

}  // namespace

// Everything that a run needs before its program can be started.
struct Executor::Prepared {
  RunFolder folder;
  RunEnvironment environment;
  Runnable run;
  std::vector<std::string> readable;  // Beside the skill and the interpreter.
};

Result<std::string> Executor::python_shim() const {
  auto runtime = python_.lock();
  if (!*runtime) {
    auto made = PythonRuntime::create(settings_.run_folders);
    if (!made) return std::move(made).error();
    *runtime = std::make_unique<PythonRuntime>(std::move(*made));
  }
  return (*runtime)->shim();
}

Result<Executor::Prepared> Executor::prepare(const RunWork& work, const RunPlan& plan, const RunMaxima& maxima,
                                             bool events) const {
  if (auto checked = check_files(work.intent.files, maxima); !checked) return std::move(checked).error();
  auto folder = folders_->take(work.skill->folder);
  if (!folder) return std::move(folder).error();
  for (const InputFile& file : work.intent.files) {
    if (auto added = folder->add_input(file.path, file.content); !added) return std::move(added).error();
  }
  const bool function = plan.kind == RunPlan::Kind::function;
  Runnable run = plan.run;
  if (function) {
    const auto shim = python_shim();
    if (!shim) return shim.error();
    const std::string call = RunFolder::own_file(kCallVariable);
    if (auto written = folder->write_file(call, function_call_json(work)); !written) return std::move(written).error();
    run = {work.skill->function->python, {work.skill->function->python, "-B", *shim, call}};
  }
  auto environment = make_environment(work, run.program, *folder);
  if (!environment) return std::move(environment).error();
  if (plan.is_module) environment->set("PYTHONPATH", work.skill->folder.native());
  if (function) add_function_variables(*environment, *work.skill, *folder);
  if (events) environment->set("SKILLSCALE_EVENTS_FD", std::to_string(kEventsFd));
  std::vector<std::string> readable;
  if (function) readable.push_back(std::filesystem::path(run.argv[2]).parent_path());  // That of the shim.
  return Prepared{std::move(*folder), std::move(*environment), std::move(run), std::move(readable)};
}

// What is left to do when the process has ended: its result and its files.
void Executor::finish(Reply& reply, const RunWork& work, const RunPlan& plan, std::string_view result,
                      const RunFolder& folder) const {
  std::vector<Glob> globs = plan.collect;
  if (plan.kind == RunPlan::Kind::function && reply.success) {
    auto named = take_result(result, reply);
    if (!named) {
      fail(reply, named.error().code, named.error().detail);
      return remove_secrets(reply, work.intent);
    }
    for (std::string_view path : *named) {
      if (path.starts_with(folder.path() + "/")) path.remove_prefix(folder.path().size() + 1);
      globs.push_back(Glob::literal(path));
    }
  }
  // A failed run may have left what explains it.
  auto collected = collect_artifacts(folder.fd(), globs, settings_.artifacts);
  if (collected) {
    reply.artifacts = std::move(collected->artifacts);
    reply.warnings = std::move(collected->warnings);
    if (reply.usage) reply.usage->bytes_out += collected->bytes;
  } else if (reply.success) {
    fail(reply, collected.error().code, collected.error().detail);
  } else {
    reply.warnings.push_back(collected.error().detail);
  }
  remove_secrets(reply, work.intent);
}

Reply Executor::conclude(RunOutcome outcome, const RunWork& work, const RunPlan& plan, const RunBounds& bounds,
                         const RunFolder& folder) const {
  const std::string result = std::move(outcome.result.bytes);
  Reply reply = judge_run(std::move(outcome), bounds);
  reply.usage->bytes_in = bytes_in(work.intent);
  reply.usage->bytes_out += result.size();
  finish(reply, work, plan, result, folder);
  return reply;
}

Result<RunOutcome> Executor::supervise(const RunWork& work, const RunPlan& plan, const RunBounds& bounds,
                                       const Prepared& prepared, int cancel_fd, const RunContext& context,
                                       std::vector<std::string>& warnings) const {
  Confinement confinement;
  confinement.limits = resource_limits(bounds.maxima);
  ChildSpec spec;
  spec.program = prepared.run.program;
  spec.argv = prepared.run.argv;
  spec.environment = prepared.environment.variables();
  spec.working_folder = prepared.folder.path();
  spec.events = context.observer != nullptr;
  spec.result = plan.kind == RunPlan::Kind::function;
  spec.confinement = &confinement;
  spec.leash = context.leash;
  std::optional<SandboxPolicy::ConfinedRun> confined;
  if (settings_.sandbox != nullptr) {
    std::vector<std::string> readable = prepared.readable;
    if (context.leash != nullptr && context.leash->shim != nullptr) readable.push_back(*context.leash->shim);
    auto made =
        settings_.sandbox->confine(*work.skill, spec.program, spec.working_folder, confinement.limits, readable);
    if (!made) return std::move(made).error();
    confined.emplace(*std::move(made));
    confined->apply_to(spec);
    warnings = confined->warnings;
  }
  const auto before = std::chrono::steady_clock::now();
  auto process = launch(spec, work, context, warnings);
  for (std::string& variable : spec.environment) wipe(variable);
  if (!process) return std::move(process).error();
  const auto spawn_time = std::chrono::steady_clock::now() - before;
  if (settings_.sandbox != nullptr) settings_.sandbox->sandbox().prepare_next();
  auto outcome =
      run_supervised(std::move(*process), work.intent.stdin_data,
                     limits_for(bounds, settings_.kill_grace, prepared.folder.path()), cancel_fd, context.observer);
  if (outcome) outcome->spawn_time = spawn_time;
  return outcome;
}

Reply Executor::run(const RunWork& work, const RunPlan& plan, const RunBounds& bounds, int cancel_fd,
                    const RunContext& context) const {
  std::vector<std::string> warnings;
  if (auto called = call_worker(work, plan, bounds, cancel_fd, context, warnings)) return *std::move(called);
  Reply reply;
  auto prepared = prepare(work, plan, bounds.maxima, context.observer != nullptr);
  if (!prepared) {
    fail(reply, prepared.error().code, prepared.error().detail);
    return reply;
  }
  auto outcome = supervise(work, plan, bounds, *prepared, cancel_fd, context, warnings);
  if (outcome) {
    reply = conclude(*std::move(outcome), work, plan, bounds, prepared->folder);
  } else {
    fail(reply, outcome.error().code, outcome.error().detail);
  }
  if (leaves_nobody(context)) prepared->folder.keep_for_next(folders_);
  reply.warnings.insert(reply.warnings.end(), warnings.begin(), warnings.end());
  if (context.used != nullptr) context.used->emplace(std::move(prepared->folder));
  return reply;
}

Reply Executor::execute(const RunWork& work, std::chrono::milliseconds timeout, int cancel_fd,
                        const RunContext& context) const {
  Reply reply;
  const auto plan = plan_run(work);
  if (!plan) {
    fail(reply, plan.error().code, plan.error().detail);
  } else if (plan->kind == RunPlan::Kind::answer) {
    reply.success = true;
    reply.content = work.skill->body;
  } else {
    RunBounds bounds{.timeout = timeout, .maxima = maxima_for(work.skill->limits, settings_.maxima)};
    bounds.flood_bytes_max = limits::kOutputFloodFactor * bounds.maxima.output_bytes;
    reply = run(work, *plan, bounds, cancel_fd, context);
  }
  if (std::string warning = deprecation_text(*work.skill); !warning.empty())
    reply.warnings.push_back(std::move(warning));
  reply.request_id = work.intent.address.request_id;
  reply.skill = work.skill->name;
  reply.version = work.skill->version;
  reply.digest = work.skill->digest;
  return reply;
}

}  // namespace skillscale
