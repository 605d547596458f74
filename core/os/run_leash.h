// What holds the processes of a run together, so that they can be killed as a whole.
#pragma once

#include <cstdint>
#include <string>

namespace skillscale {

class Guardian;
class RunCgroup;
struct Confinement;

// The rungs of the ladder, best first (os/kill_strategy.h). On every one of them
// the process group is killed as well.
enum class KillStrategy : std::uint8_t {
  cgroup,  // cgroup.kill of a leaf of its own: nothing can leave it.
  pinned,  // A seccomp filter lets setsid(2) and setpgid(2) succeed without effect: nothing leaves the group.
  shim,    // A process of ours is the parent of whatever comes loose, and kills it (os/run_shim.h).
  group,   // The process group alone: what makes its own session survives.
};

// Borrowed by the process that is started with it, which it outlives. Belongs to one thread.
struct RunLeash {
  KillStrategy strategy = KillStrategy::group;
  Guardian* guardian = nullptr;  // Kills the tree when the daemon cannot (SIGKILL); nullptr: nobody.
  RunCgroup* cgroup = nullptr;   // With KillStrategy::cgroup: a leaf that holds this run alone.
  // With KillStrategy::shim: where it is (find_run_shim()). Then the shim does what the guardian would do.
  const std::string* shim = nullptr;
  // With KillStrategy::pinned, for a run without a confinement: the filter alone.
  const Confinement* pin = nullptr;
};

inline Guardian* guardian_of(const RunLeash* leash) noexcept { return leash == nullptr ? nullptr : leash->guardian; }
inline RunCgroup* cgroup_of(const RunLeash* leash) noexcept { return leash == nullptr ? nullptr : leash->cgroup; }

}  // namespace skillscale
