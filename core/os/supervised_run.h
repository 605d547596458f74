// One execution of a program under supervision: input in, output out, an end for sure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "os/child_process.h"
#include "os/kept_output.h"
#include "os/run_observer.h"
#include "os/running_process.h"

namespace skillscale {

// What one supervised execution may use.
struct RunLimits {
  std::chrono::milliseconds timeout;
  std::chrono::milliseconds kill_grace;   // Between SIGTERM and SIGKILL.
  std::chrono::milliseconds drain_grace;  // For pipes that a grandchild still holds after the exit.
  std::size_t stdout_bytes_max;
  std::size_t stderr_bytes_max;
  std::size_t flood_bytes_max;       // stdout or stderr past this: the run is killed.
  std::size_t result_bytes_max = 0;  // Of the result descriptor; past this: the run is killed.
  std::size_t event_line_bytes_max = limits::kEventLineBytesMax;  // A longer line is dropped and counted.

  // Looked at every limits::kTreeWatchInterval, so that short runs pay nothing; 0: not watched.
  std::uint64_t tree_memory_bytes_max = 0;  // Resident memory of all its processes together.
  std::uint64_t processes_max = 0;
  std::uint64_t folder_bytes_max = 0;
  std::uint64_t folder_files_max = 0;
  std::string folder = {};  // The run's folder, for the two above.

  bool watches_folder() const noexcept { return folder_bytes_max != 0 || folder_files_max != 0; }
  bool is_watched() const noexcept { return tree_memory_bytes_max != 0 || processes_max != 0 || watches_folder(); }
};

struct RunOutcome {
  enum class End {
    exited,
    timed_out,
    cancelled,
    flooded,  // Too much on stdout, stderr or the result descriptor.
    out_of_memory,
    too_many_processes,
    folder_too_large
  };
  End end = End::exited;
  bool cpu_limit = false;  // timed_out, because the CPU time was used up.
  ExitStatus exit;
  ProcessUsage usage;
  CapturedOutput out;
  CapturedOutput err;
  CapturedOutput result;              // What came on the result descriptor.
  std::string stderr_tail;            // The last part of stderr, kept although the middle is dropped.
  std::uint64_t out_bytes_total = 0;  // With what was thrown away.
  std::uint64_t err_bytes_total = 0;
  std::uint64_t event_lines_dropped = 0;  // Too long, or nobody had room for them at the end.
  std::chrono::nanoseconds spawn_time{};
  std::chrono::nanoseconds run_time{};
};

// Which of the watched limits is passed by a tree of this size, or by the run's folder now.
std::optional<RunOutcome::End> past_limits(const TreeUsage& tree, const RunLimits& limits);

// Sees `process` to its end on the calling thread: feeds `input` to its stdin,
// captures its other pipes, and watches its exit, the deadline and `cancel_fd`
// (readable: stop; -1: none) in one poll(2). A program that never reads its
// stdin is fine. While `observer` has no room, stdout, stderr and events are not
// read, so that the program waits; after its exit that lasts no longer than the
// drain grace. On return nothing of its tree is left.
Result<RunOutcome> run_supervised(std::unique_ptr<RunningProcess> process, std::string_view input,
                                  const RunLimits& limits, int cancel_fd, RunObserver* observer = nullptr);

// The same for a program that is started first. Error spawn_failed when it could not be.
Result<RunOutcome> run_supervised(const ChildSpec& spec, std::string_view input, const RunLimits& limits, int cancel_fd,
                                  RunObserver* observer = nullptr);

}  // namespace skillscale
