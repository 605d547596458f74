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
#include "os/child_process.h"
#include "protocol/intent.h"
#include "skill-server/run_folder.h"
#include "skill-server/skill.h"
#include "skill-server/warm_worker.h"
#include "skill-server/zygote.h"

namespace skillscale {

struct WarmSettings {
  Runner runner = Runner::cold;  // Of Python skills that ask for none: cold or zygote.
  bool allow_worker = false;     // For the skills that ask for it.
  ZygoteSettings zygote{.preload = default_preload()};
  std::size_t workers_max = limits::kWarmWorkersMax;  // Of each thread.
  std::size_t worker_calls_max = limits::kWarmWorkerCallsMax;
  std::uint64_t worker_rss_bytes_max = limits::kWarmWorkerRssBytesMax;
  std::chrono::milliseconds worker_age_max = limits::kWarmWorkerAgeMax;

  // What many scripts import, and costs a cold start most of its time.
  static std::vector<std::string> default_preload();
};

std::string_view name_of(Runner runner) noexcept;

struct RunnerChoice {
  Runner runner = Runner::cold;
  std::string reason;   // For people.
  std::string warning;  // What the skill asked for and does not get, or empty.

  bool operator==(const RunnerChoice&) const = default;
};

// `observed`: somebody watches the run's output while it goes on. A pure function.
RunnerChoice choose_runner(const Skill& skill, const Intent& intent, bool observed, const WarmSettings& settings);

// Of all threads together; only grows.
struct WarmCounters {
  std::array<std::atomic<std::uint64_t>, 3> runs{};  // By Runner.
  std::atomic<std::uint64_t> zygote_starts{0};
  std::atomic<std::uint64_t> zygote_fallbacks{0};
  std::array<std::atomic<std::uint64_t>, kRecycleReasons> zygote_recycled{};  // By RecycleReason.
  std::atomic<std::uint64_t> worker_starts{0};
  std::atomic<std::uint64_t> workers_ended{0};  // Broken, or past a bound.
};

// What the runners of all threads have in common.
struct WarmShared {
  const WarmSettings settings;
  const Clock& clock;
  WarmCounters counters{};
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

  // A worker, and the folder that it lives in.
  struct Worker {
    RunFolder folder;  // Outlives the process in it.
    WarmWorker worker;
    std::string skill;
    SteadyTime started;
  };
  struct Started {
    std::unique_ptr<RunningProcess> process;
    RunFolder folder;
  };
  using StartWorker = std::function<Result<Started>()>;
  // The worker of exactly this version of the skill, started when there is none. The one that
  // was used longest ago makes room for it. Valid until the next call of any member.
  Result<Worker*> worker_for(const Skill& skill, const StartWorker& start);
  // After each call: it ends when it is broken or past one of its bounds.
  void done_with(Worker& worker);
  // A leash for workers: a control group holds one run at a time, and workers stay.
  const RunLeash* leash_for_worker(const RunLeash* leash);

 private:
  Result<std::unique_ptr<RunningProcess>> launch_from_zygote(const ChildSpec& spec);

  const WarmSettings& settings_;
  const Clock& clock_;
  WarmCounters& counters_;
  std::optional<RunLeash> worker_leash_;
  std::map<std::string, std::unique_ptr<Zygote>> zygotes_;  // By interpreter.
  std::list<Worker> workers_;                               // Used last first.
};

}  // namespace skillscale
