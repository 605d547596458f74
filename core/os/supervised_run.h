// One execution of a program under supervision: input in, output out, an end for sure.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/child_process.h"

namespace skillscale {

// What one supervised execution may use.
struct RunLimits {
  std::chrono::milliseconds timeout;
  std::chrono::milliseconds kill_grace;   // Between SIGTERM and SIGKILL.
  std::chrono::milliseconds drain_grace;  // For pipes that a grandchild still holds after the exit.
  std::size_t stdout_bytes_max;
  std::size_t stderr_bytes_max;
  std::size_t flood_bytes_max;  // stdout or stderr past this: the run is killed.
};

struct CapturedOutput {
  std::string bytes;       // The first part, at most the cap.
  bool truncated = false;  // There was more; it was read and thrown away.
};

struct RunOutcome {
  enum class End { exited, timed_out, cancelled, flooded };
  End end = End::exited;
  ExitStatus exit;
  CapturedOutput out;
  CapturedOutput err;
  std::string stderr_tail;  // The last part of stderr, kept although the middle is dropped.
  std::chrono::nanoseconds spawn_time{};
  std::chrono::nanoseconds run_time{};
};

// Runs `spec` to its end on the calling thread: feeds `input` to its stdin,
// captures stdout and stderr, and watches its exit, the deadline and `cancel_fd`
// (readable: stop; -1: none) in one poll(2). A child that never reads its stdin
// is fine. On return nothing of the process group is left. Error spawn_failed
// when the program could not be started.
Result<RunOutcome> run_supervised(const ChildSpec& spec, std::string_view input, const RunLimits& limits,
                                  int cancel_fd);

}  // namespace skillscale
