// What a run uses at one moment: its processes together, and its folder.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skillscale {

struct TreeUsage {
  std::uint64_t processes = 0;
  std::uint64_t memory_bytes = 0;   // Resident memory; what two share counts twice.
  std::uint64_t largest_bytes = 0;  // Of the largest process.
};

// The processes of the session or group `leader`, and its descendants. Looks
// through /proc: some 10 us for each process of the machine.
TreeUsage tree_usage(pid_t leader);

struct FolderUsage {
  std::uint64_t bytes = 0;  // Taken on the disk; a file with holes counts what it has.
  std::uint64_t files = 0;  // Folders and links, too.
};

// No links are followed. Looks no further once one of the bounds is passed (0: none).
FolderUsage folder_usage(const std::string& folder, std::uint64_t bytes_max, std::uint64_t files_max);

// The parts of /proc/PID/stat that matter here; nothing when it is not such a line.
struct ProcessStat {
  bool ended = false;  // A zombie: it only waits for its parent.
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t resident_pages = 0;
};
std::optional<ProcessStat> parse_process_stat(std::string_view text) noexcept;

}  // namespace skillscale
