// Which way of killing a whole tree of processes this machine offers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/run_leash.h"

namespace skillscale {

std::string_view name_of(KillStrategy strategy) noexcept;
std::optional<KillStrategy> kill_strategy_from_name(std::string_view name) noexcept;

struct KillFeatures {
  std::string cgroup_folder;   // Empty: no control groups may be made.
  std::string cgroup_problem;  // Why, for people.
  bool seccomp = false;
  std::string shim;  // Its path; empty: it is not installed.
};

// Tries them all. Forks: call it before the first thread. The control group's folder
// stays until remove_cgroups().
KillFeatures probe_kill_features();

// `wanted`, or the best there is. Error invalid_config: what is wanted is not there.
Result<KillStrategy> choose_kill_strategy(std::optional<KillStrategy> wanted, const KillFeatures& features);

}  // namespace skillscale
