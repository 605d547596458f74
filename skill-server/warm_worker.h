// One interpreter that calls the function of one skill again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "os/running_process.h"
#include "os/supervised_run.h"

namespace skillscale {

// Owns the process (skill-server/python/skillscale_worker.py), which was started like any run:
// its sandbox, folder, limits and leash are those of a cold run, and dropping it kills
// its whole tree. A call sees what earlier calls have left in the interpreter and the folder.
// After a call that was stopped, and after any wrong answer, it is not usable again.
// Stays on one thread.
class WarmWorker {
 public:
  // A program with a result descriptor and no events.
  explicit WarmWorker(std::unique_ptr<RunningProcess> process) : process_(std::move(process)) {}

  // Calls with what function_call_json() says. Watches the deadline and `cancel_fd`; past
  // them the tree is killed at once. stdout and stderr of the outcome are what the
  // function printed; what programs that it starts print is thrown away. Error
  // spawn_failed: it has died since its last call, and nothing of this one was run.
  Result<RunOutcome> call(std::string_view call_json, const RunLimits& limits, int cancel_fd);

  bool usable() const noexcept { return process_ != nullptr; }
  std::size_t calls() const noexcept { return calls_; }
  std::uint64_t rss_bytes() const noexcept { return rss_bytes_; }  // After the last call, at its highest.

 private:
  enum class Event { progress, answered, ended, timed_out, cancelled };

  Event wait(SteadyTime deadline, int cancel_fd);
  Event exchange(const RunLimits& limits, int cancel_fd);
  bool send_some();
  bool receive_some(const RunLimits& limits);
  bool is_complete() const;
  bool all_sent() const noexcept { return sent_ == request_.size(); }
  RunOutcome::End end_of(Event event, const RunLimits& limits) const;
  RunOutcome take_answer();
  RunOutcome stop(RunOutcome::End why);

  std::unique_ptr<RunningProcess> process_;
  std::string request_;
  std::size_t sent_ = 0;  // Of the request.
  std::string answer_;    // What has come.
  std::size_t calls_ = 0;
  std::uint64_t rss_bytes_ = 0;
};

}  // namespace skillscale
