// Interpreters that are started before they are needed: which run gets one, and what becomes of them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "engine/run_folder.h"
#include "engine/warm_worker.h"
#include "engine/zygote.h"
#include "os/child_process.h"
#include "os/run_cgroup.h"
#include "os/supervised_run.h"
#include "protocol/intent.h"
#include "skills/skill.h"

namespace skillscale {

struct WarmSettings {
  Runner runner = Runner::cold;  // Of Python skills that ask for none. `worker` needs `allow_worker`.
  bool allow_worker = false;     // For functions whose skill asks for it: a call sees what earlier ones have left.
  ZygoteSettings zygote{.preload = default_preload()};
  std::size_t workers_max = limits::kWarmWorkersMax;  // Of each thread.
  std::size_t worker_calls_max = limits::kWarmWorkerCallsMax;
  std::uint64_t worker_growth_bytes_max = limits::kWarmWorkerGrowthBytesMax;  // Since its first call.
  std::chrono::milliseconds worker_age_max = limits::kWarmWorkerAgeMax;

  // What many scripts import, and costs a cold start most of its time.
  static std::vector<std::string> default_preload();
};

struct RunnerChoice {
  Runner runner = Runner::cold;
  std::string reason;   // For people.
  std::string warning;  // What the skill asked for and does not get, or empty.

  bool operator==(const RunnerChoice&) const = default;
};

// `observed`: somebody watches the run's output while it goes on. What cannot be a call of a
// worker gets the runner that the server has for others. A pure function.
RunnerChoice choose_runner(const Skill& skill, const Intent& intent, bool observed, const WarmSettings& settings);

// Why a worker was ended.
enum class WorkerEnd : std::uint8_t { calls, memory, age, folder, broken, version, room };
inline constexpr std::size_t kWorkerEnds = 7;
std::string_view name_of(WorkerEnd end) noexcept;

// Of all threads together; only grows.
struct WarmCounters {
  std::array<std::atomic<std::uint64_t>, 3> runs{};  // By Runner.
  std::atomic<std::uint64_t> zygote_starts{0};
  std::atomic<std::uint64_t> zygote_fallbacks{0};
  std::array<std::atomic<std::uint64_t>, kRecycleReasons> zygote_recycled{};  // By RecycleReason.
  std::atomic<std::uint64_t> worker_starts{0};
  std::atomic<std::uint64_t> worker_fallbacks{0};  // Calls that became runs, because none was to be had.
  std::array<std::atomic<std::uint64_t>, kWorkerEnds> workers_ended{};  // By WorkerEnd.
};

// What the runners of all threads have in common.
struct WarmShared {
  const WarmSettings settings;
  const Clock& clock;
  WarmCounters counters{};
};

// An interpreter that was started to be a worker.
struct StartedWorker {
  std::unique_ptr<RunningProcess> process;
  RunFolder folder;
  std::vector<std::string> warnings;  // For the reply of each call.
};

// Owned by one worker thread, like all that it starts.
class WarmRunners {
 public:
  // All three must outlive it.
  WarmRunners(const WarmSettings& settings, const Clock& clock, WarmCounters& counters)
      : settings_(settings), clock_(clock), counters_(counters) {}
  WarmRunners(const WarmRunners&) = delete;
  WarmRunners& operator=(const WarmRunners&) = delete;

  const WarmSettings& settings() const noexcept { return settings_; }

  struct Launched {
    std::unique_ptr<RunningProcess> process;
    std::string warning;  // For the reply: why it is a cold start after all, or empty.
  };
  // As ChildProcess::launch, from a zygote if the choice is that and one is to be had.
  Result<Launched> launch(const RunnerChoice& choice, const ChildSpec& spec);

  // What holds a worker as the leash of its thread holds a run: in a control group of its own, because
  // that of the thread is killed after each run.
  struct Hold {
    RunLeash leash;
    std::unique_ptr<RunCgroup> cgroup;
  };
  // A worker, the folder that it lives in, and what holds it.
  struct Worker {
    SkillPtr skill;  // The version that it serves. These three outlive the process.
    std::unique_ptr<Hold> hold;
    RunFolder folder;
    WarmWorker worker;
    std::vector<std::string> warnings;
    SteadyTime started;
  };
  using StartWorker = std::function<Result<StartedWorker>(const RunLeash* leash)>;
  // The worker of exactly this version of the skill, started when there is none, under a leash made after `leash`
  // (nullptr: none). Workers of other versions of it end, and those that have grown old; the one that
  // was used longest ago makes room for it. Valid until the next call of any member.
  Result<Worker*> worker_for(const SkillPtr& skill, const RunLeash* leash, const StartWorker& start);
  // After each call: it ends when it is broken or past one of its bounds.
  void done_with(Worker& worker, const RunLimits& limits);
  void lost(Worker& worker);  // Instead, when it has died since the call before.
  void fell_back();           // A call had to become a run.

 private:
  Result<std::unique_ptr<RunningProcess>> launch_from_zygote(const ChildSpec& spec);
  std::unique_ptr<Hold> hold_like(const RunLeash& leash);
  std::optional<WorkerEnd> end_of(const Worker& worker, const RunLimits& limits) const;
  void end_if(WorkerEnd why, const std::function<bool(const Worker&)>& condition);

  const WarmSettings& settings_;
  const Clock& clock_;
  WarmCounters& counters_;
  std::map<std::string, std::unique_ptr<Zygote>> zygotes_;  // By interpreter.
  std::list<Worker> workers_;                               // Used last first.
  std::uint64_t workers_started_ = 0;                       // Numbers their control groups.
};

}  // namespace skillscale
