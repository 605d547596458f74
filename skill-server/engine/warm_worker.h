// One interpreter that calls the function of one skill again and again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "os/running_process.h"
#include "os/supervised_run.h"

namespace skillscale {

// Owns the process (skill-server/engine/python/skillscale_worker.py), which was started like any run:
// its sandbox, folder, limits and leash are those of a cold run, and dropping it kills
// its whole tree. A call sees what earlier calls have left in the interpreter and the folder.
// After a call that was stopped or has left a process, and after any wrong answer, the tree
// is killed and it is not usable again. Stays on one thread.
class WarmWorker {
 public:
  // A program with a result descriptor and no events.
  explicit WarmWorker(std::unique_ptr<RunningProcess> process) : process_(std::move(process)) {}

  // Calls with what function_call_json() says. Watches the deadline, `cancel_fd` and the limits as run_supervised()
  // does; past them the tree is killed at once. The outcome has what the function and the programs that it
  // started have printed. Error spawn_failed: it has died since its last call, and nothing of this one was run.
  Result<RunOutcome> call(std::string_view call_json, const RunLimits& limits, int cancel_fd);

  bool usable() const noexcept { return process_ != nullptr; }
  std::size_t calls() const noexcept { return calls_; }
  // By how much its memory has grown between the end of its first call and that of its last one.
  std::uint64_t grown_bytes() const noexcept { return rss_bytes_ - std::min(rss_bytes_, first_rss_bytes_); }

 private:
  std::unique_ptr<RunningProcess> process_;
  std::size_t calls_ = 0;
  std::uint64_t rss_bytes_ = 0;
  std::uint64_t first_rss_bytes_ = 0;
};

}  // namespace skillscale
