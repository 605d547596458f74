#include "os/kill_strategy.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "os/run_cgroup.h"
#include "os/run_shim.h"

namespace skillscale {
namespace {

constexpr std::array<std::pair<KillStrategy, std::string_view>, 4> kNames{{{KillStrategy::cgroup, "cgroup"},
                                                                           {KillStrategy::pinned, "pinned"},
                                                                           {KillStrategy::shim, "shim"},
                                                                           {KillStrategy::group, "group"}}};

bool has_seccomp() {
  const unsigned action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action) == 0;
}

bool has(KillStrategy strategy, const KillFeatures& features) {
  switch (strategy) {
    case KillStrategy::cgroup:
      return !features.cgroup_folder.empty();
    case KillStrategy::pinned:
      return features.seccomp;
    case KillStrategy::shim:
      return !features.shim.empty();
    case KillStrategy::group:
      return true;
  }
  return false;
}

std::string problem_with(KillStrategy strategy, const KillFeatures& features) {
  switch (strategy) {
    case KillStrategy::cgroup:
      return features.cgroup_problem;
    case KillStrategy::pinned:
      return "the kernel has no seccomp filters";
    case KillStrategy::shim:
      return "skillscale_run_shim is neither beside this program nor in ../libexec/skillscale";
    case KillStrategy::group:
      break;
  }
  return {};
}

}  // namespace

std::string_view name_of(KillStrategy strategy) noexcept {
  for (const auto& [known, name] : kNames) {
    if (known == strategy) return name;
  }
  return "group";
}

std::optional<KillStrategy> kill_strategy_from_name(std::string_view name) noexcept {
  for (const auto& [strategy, known] : kNames) {
    if (known == name) return strategy;
  }
  return std::nullopt;
}

KillFeatures probe_kill_features() {
  KillFeatures features{.cgroup_folder = {}, .cgroup_problem = {}, .seccomp = has_seccomp(), .shim = find_run_shim()};
  auto folder = make_cgroup_folder();
  if (folder) {
    features.cgroup_folder = *std::move(folder);
  } else {
    features.cgroup_problem = folder.error().detail;
  }
  return features;
}

Result<KillStrategy> choose_kill_strategy(std::optional<KillStrategy> wanted, const KillFeatures& features) {
  if (wanted && !has(*wanted, features)) {
    return Error{ErrorCode::invalid_config,
                 "kill-strategy " + std::string(name_of(*wanted)) + ": " + problem_with(*wanted, features)};
  }
  if (wanted) return *wanted;
  for (const auto& [strategy, name] : kNames) {
    if (has(strategy, features)) return strategy;
  }
  return KillStrategy::group;
}

}  // namespace skillscale
