// Python runs that begin as a fork of a waiting interpreter instead of a fresh one.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "engine/zygote_process.h"
#include "os/child_process.h"
#include "os/running_process.h"

namespace skillscale {

struct ZygoteSettings {
  std::vector<std::string> preload;  // Modules; one that cannot be imported is left out.
  // Past one of these the interpreter is replaced before its next run.
  std::size_t runs_max = limits::kZygoteRunsMax;
  std::uint64_t rss_bytes_max = limits::kZygoteRssBytesMax;
  std::chrono::milliseconds age_max = limits::kZygoteAgeMax;
};

// Why a waiting interpreter was replaced.
enum class RecycleReason : std::uint8_t { runs, memory, age, stopped_run, failure };
inline constexpr std::size_t kRecycleReasons = 5;
std::string_view name_of(RecycleReason reason) noexcept;

// A drop-in for ChildProcess::launch, for one thread and one interpreter. The
// interpreter is started by the first run, replaced after a bounded number of runs,
// bytes or minutes and after every run that had to be stopped, and dies with the thread.
//
// A run has the descriptors, environment, session, limits and sandbox of a fresh
// interpreter, and memory that no other run has touched: not even what another run was
// asked is ever in the memory of the waiting interpreter.
class Zygote {
 public:
  struct Counters {
    std::uint64_t runs = 0;
    std::uint64_t starts = 0;
    std::uint64_t start_failures = 0;
    std::array<std::uint64_t, kRecycleReasons> recycled{};  // By RecycleReason.
  };

  // `clock` must outlive it.
  Zygote(std::string python, ZygoteSettings settings, const Clock& clock);
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  // Error not_allowed: a program like this needs an interpreter of its own. Error
  // spawn_failed: it does not work now; after a failed start nothing is tried for a
  // while, longer each time. Either way ChildProcess::launch can still do it. One run at a time.
  Result<std::unique_ptr<RunningProcess>> launch(const ChildSpec& spec);

  const Counters& counters() const noexcept { return counters_; }
  int pid() const noexcept;  // -1 when none waits.

 private:
  class Run;
  struct Waiting;

  Result<void> make_ready();
  Result<void> start();
  void recycle(RecycleReason reason);

  const std::string python_;
  const ZygoteSettings settings_;
  const Clock& clock_;
  // Shared with its run, which may still have to be reaped when a new one is started.
  std::shared_ptr<Waiting> waiting_;
  std::size_t failures_ = 0;  // Starts that failed, one after the other.
  SteadyTime not_before_;
  Counters counters_;
};

}  // namespace skillscale
