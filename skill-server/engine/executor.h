// One run of a skill, from its intent to its reply.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/guarded.h"
#include "base/limits.h"
#include "engine/artifacts.h"
#include "engine/python_runtime.h"
#include "engine/run_folder.h"
#include "engine/run_plan.h"
#include "engine/run_work.h"
#include "engine/sandbox_policy.h"
#include "os/supervised_run.h"
#include "protocol/reply.h"

namespace skillscale {

class RunObserver;  // os/run_observer.h
class WarmRunners;
struct StartedWorker;
struct RunLeash;

// What belongs to one worker thread, or to one run on it. All of it is borrowed and may be missing.
struct RunContext {
  RunObserver* observer = nullptr;  // Watches this run.
  WarmRunners* warm = nullptr;      // Interpreters that are started already.
  const RunLeash* leash = nullptr;  // How the whole tree is killed; without it its process group is.
  // The run's folder is left here, so that removing it need not delay the reply.
  std::optional<RunFolder>* used = nullptr;
};

struct ExecutorSettings {
  std::string run_folders = "/tmp";  // Where the folder of each run is made.
  std::chrono::milliseconds kill_grace = limits::kKillGrace;
  RunMaxima maxima{};
  ArtifactBounds artifacts{};
  const SandboxPolicy* sandbox = nullptr;  // Borrowed; nullptr: runs are not confined.
};

// Thread-safe. execute() blocks the calling thread for the whole run, so that thread
// must outlive the child.
class Executor {
 public:
  explicit Executor(ExecutorSettings settings)
      : settings_(std::move(settings)), folders_(std::make_shared<SpareFolders>(settings_.run_folders)) {}

  // `cancel_fd` readable: stop it. The reply has everything but what belongs to
  // its lease (attempt, held) and to the server (server, queued).
  Reply execute(const RunWork& work, std::chrono::milliseconds timeout, int cancel_fd,
                const RunContext& context = {}) const;

 private:
  struct Prepared;

  Reply run(const RunWork& work, const RunPlan& plan, const RunBounds& bounds, int cancel_fd,
            const RunContext& context) const;
  Result<Prepared> prepare(const RunWork& work, const RunPlan& plan, const RunMaxima& maxima, bool events) const;
  // Seen to its end, in the folder that is prepared.
  Result<RunOutcome> supervise(const RunWork& work, const RunPlan& plan, const RunBounds& bounds,
                               const Prepared& prepared, int cancel_fd, const RunContext& context,
                               std::vector<std::string>& warnings) const;
  // The reply of a warm worker; nothing when the run is none for it, or when none is to be had.
  std::optional<Reply> call_worker(const RunWork& work, const RunPlan& plan, const RunBounds& bounds, int cancel_fd,
                                   const RunContext& context, std::vector<std::string>& warnings) const;
  Result<Reply> try_worker(const RunWork& work, const RunPlan& plan, const RunBounds& bounds, int cancel_fd,
                           const RunContext& context) const;
  Result<StartedWorker> start_worker(const Skill& skill, const RunMaxima& maxima, const RunLeash* leash) const;
  Result<std::string> python_shim() const;
  Reply conclude(RunOutcome outcome, const RunWork& work, const RunPlan& plan, const RunBounds& bounds,
                 const RunFolder& folder) const;
  void finish(Reply& reply, const RunWork& work, const RunPlan& plan, std::string_view result,
              const RunFolder& folder) const;

  const ExecutorSettings settings_;
  const std::shared_ptr<SpareFolders> folders_;             // Shared with the folders that are in use.
  mutable Guarded<std::unique_ptr<PythonRuntime>> python_;  // Made when the first function is run.
};

}  // namespace skillscale
