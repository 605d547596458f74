// What a run uses at one moment: its processes together, and its folder.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

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

}  // namespace skillscale
