#include "engine/kill_ladder.h"

#include <utility>

namespace skillscale {

Result<std::unique_ptr<KillLadder>> KillLadder::start(const std::string& wanted) {
  std::unique_ptr<KillLadder> ladder(new KillLadder());
  ladder->features_ = probe_kill_features();
  std::string& folder = ladder->features_.cgroup_folder;
  const auto strategy = choose_kill_strategy(kill_strategy_from_name(wanted), ladder->features_);
  if (!strategy) {
    if (!folder.empty()) remove_cgroups(folder);
    return strategy.error();
  }
  ladder->strategy_ = *strategy;
  if (ladder->strategy_ != KillStrategy::cgroup && !folder.empty()) remove_cgroups(std::exchange(folder, {}));
  if (ladder->features_.seccomp &&
      (ladder->strategy_ == KillStrategy::cgroup || ladder->strategy_ == KillStrategy::pinned)) {
    auto filter = make_pinned_filter();
    if (!filter) return std::move(filter).error();
    ladder->pinned_filter_.emplace(*std::move(filter));
    ladder->pin_.no_new_privileges = true;
    ladder->pin_.seccomp = ladder->pinned_filter_->program();
  }
  auto guardian = Guardian::start(folder);
  if (!guardian) return std::move(guardian).error();
  ladder->guardian_ = *std::move(guardian);
  return ladder;
}

// The guardian removes the control groups, unless it is gone.
KillLadder::~KillLadder() {
  guardian_.reset();
  if (!features_.cgroup_folder.empty()) remove_cgroups(features_.cgroup_folder);
}

WorkerLeash KillLadder::leash_for(std::size_t worker) const {
  WorkerLeash worker_leash;
  RunLeash& leash = worker_leash.leash_;
  leash.guardian = guardian_.get();
  leash.strategy = strategy_;
  if (strategy_ == KillStrategy::cgroup) {
    auto cgroup = RunCgroup::create(features_.cgroup_folder, "worker-" + std::to_string(worker));
    if (cgroup) {
      worker_leash.cgroup_ = *std::move(cgroup);
      leash.cgroup = worker_leash.cgroup_.get();
    } else {
      leash.strategy = pinned_filter_ ? KillStrategy::pinned : KillStrategy::group;
    }
  }
  if (leash.strategy == KillStrategy::shim) leash.shim = &features_.shim;
  if (leash.strategy == KillStrategy::pinned) leash.pin = &pin_;
  return worker_leash;
}

}  // namespace skillscale
