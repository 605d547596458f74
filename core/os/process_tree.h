// Which processes came of one, as /proc has it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace skillscale {

// The parts of /proc/PID/stat that matter here; nothing when it is not such a line.
struct ProcessStat {
  bool ended = false;  // A zombie: it only waits for its parent.
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t resident_pages = 0;
};
std::optional<ProcessStat> parse_process_stat(std::string_view text) noexcept;

// The processes of the session or group `leader`, itself and its descendants, but those that have ended.
// Looks through /proc: some 10 us for each process of the machine, kProcessesScannedMax at most.
std::map<pid_t, ProcessStat> process_tree(pid_t leader);

}  // namespace skillscale
