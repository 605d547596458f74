// The server's hold on the processes of its runs, and what kills them when the server cannot.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/confinement.h"
#include "os/guardian.h"
#include "os/kill_strategy.h"
#include "os/run_cgroup.h"
#include "os/seccomp_filter.h"

namespace skillscale {

// What one worker thread holds its runs with, one after the other.
class WorkerLeash {
 public:
  const RunLeash& leash() const noexcept { return leash_; }

 private:
  friend class KillLadder;
  RunLeash leash_;
  std::unique_ptr<RunCgroup> cgroup_;
};

// Thread-safe once started. Outlives all runs.
class KillLadder {
 public:
  // Tries the rungs and forks the guardian: call it before the first thread.
  // `wanted`: a name of KillStrategy, or "auto". Error invalid_config: it is not there.
  static Result<std::unique_ptr<KillLadder>> start(const std::string& wanted);

  ~KillLadder();
  KillLadder(const KillLadder&) = delete;
  KillLadder& operator=(const KillLadder&) = delete;

  KillStrategy strategy() const noexcept { return strategy_; }
  const std::string& cgroup_problem() const noexcept { return features_.cgroup_problem; }
  const Guardian& guardian() const noexcept { return *guardian_; }
  // A worker whose control group cannot be made gets the next rung.
  WorkerLeash leash_for(std::size_t worker) const;

 private:
  KillLadder() = default;

  KillFeatures features_;
  KillStrategy strategy_ = KillStrategy::group;
  std::optional<SeccompFilter> pinned_filter_;
  Confinement pin_;
  std::unique_ptr<Guardian> guardian_;
};

}  // namespace skillscale
