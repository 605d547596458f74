#include "os/tree_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "os/fd.h"
#include "os/process_tree.h"

namespace skillscale {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

}  // namespace

TreeUsage tree_usage(pid_t leader) {
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  TreeUsage usage;
  for (const auto& [pid, stat] : process_tree(leader)) {
    const std::uint64_t bytes = stat.resident_pages * page_bytes;
    ++usage.processes;
    usage.memory_bytes += bytes;
    usage.largest_bytes = std::max(usage.largest_bytes, bytes);
  }
  return usage;
}

FolderUsage folder_usage(const std::string& folder, std::uint64_t bytes_max, std::uint64_t files_max) {
  constexpr std::uint64_t kStatBlockBytes = 512;
  FolderUsage usage;
  const auto over = [&] {
    return (bytes_max != 0 && usage.bytes > bytes_max) || (files_max != 0 && usage.files > files_max);
  };
  std::vector<std::string> waiting{folder};
  while (!waiting.empty() && !over()) {
    const std::string path = std::move(waiting.back());
    waiting.pop_back();
    // A folder may have become a link since it was seen.
    Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const Folder entries(fd ? ::fdopendir(fd.get()) : nullptr);
    if (!entries) continue;
    fd.release();
    while (const dirent* entry = ::readdir(entries.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat status {};
      if (::fstatat(::dirfd(entries.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      ++usage.files;
      usage.bytes += static_cast<std::uint64_t>(status.st_blocks) * kStatBlockBytes;
      if (S_ISDIR(status.st_mode) && path.size() < limits::kRunPathBytesMax)
        waiting.push_back(path + "/" + entry->d_name);
      if (over() || usage.files >= limits::kRunEntriesMax) return usage;
    }
  }
  return usage;
}

}  // namespace skillscale
