#include "os/tree_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "os/fd.h"

namespace skillscale {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

template <typename Number>
bool read_number(std::string_view text, Number& number) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::map<pid_t, ProcessStat> all_processes() {
  std::map<pid_t, ProcessStat> processes;
  const Folder proc(::opendir("/proc"));
  if (!proc) return processes;
  while (const dirent* entry = ::readdir(proc.get())) {
    pid_t pid = 0;
    if (!read_number(std::string_view(entry->d_name), pid)) continue;
    const Fd file(::openat(::dirfd(proc.get()), (std::string(entry->d_name) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 1024> text{};
    const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : -1;
    if (got <= 0) continue;  // It has just ended.
    const auto stat = parse_process_stat({text.data(), static_cast<std::size_t>(got)});
    if (stat) processes.emplace(pid, *stat);
    if (processes.size() >= limits::kProcessesScannedMax) break;
  }
  return processes;
}

// Each parent is looked up once, however deep the tree: what is found is remembered in `known`.
bool belongs(pid_t pid, pid_t leader, const std::map<pid_t, ProcessStat>& processes, std::map<pid_t, bool>& known) {
  std::vector<pid_t> path;
  bool found = false;
  for (pid_t next = pid; path.size() <= processes.size();) {
    if (const auto remembered = known.find(next); remembered != known.end()) {
      found = remembered->second;
      break;
    }
    const auto process = processes.find(next);
    if (process == processes.end()) break;
    path.push_back(next);
    found = next == leader || process->second.session == leader || process->second.group == leader;
    if (found) break;
    next = process->second.parent;
  }
  for (const pid_t step : path) known[step] = found;
  return found;
}

}  // namespace

// pid (name) state parent group session ... resident pages are field 24. The name may hold anything.
std::optional<ProcessStat> parse_process_stat(std::string_view text) noexcept {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(name_end + 1);
  ProcessStat stat;
  bool good = true;
  constexpr int kState = 3, kParent = 4, kGroup = 5, kSession = 6, kResident = 24;
  for (int field = kState; field <= kResident; ++field) {
    if (rest.empty() || rest.front() != ' ') return std::nullopt;
    rest.remove_prefix(1);
    const std::string_view word = rest.substr(0, rest.find_first_of(" \n"));
    rest.remove_prefix(word.size());
    if (field == kState) stat.ended = word == "Z" || word == "X";
    if (field == kParent) good = good && read_number(word, stat.parent);
    if (field == kGroup) good = good && read_number(word, stat.group);
    if (field == kSession) good = good && read_number(word, stat.session);
    if (field == kResident) good = good && read_number(word, stat.resident_pages);
  }
  return good ? std::optional<ProcessStat>(stat) : std::nullopt;
}

TreeUsage tree_usage(pid_t leader) {
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::map<pid_t, ProcessStat> processes = all_processes();
  std::map<pid_t, bool> known;
  TreeUsage usage;
  for (const auto& [pid, stat] : processes) {
    if (stat.ended || !belongs(pid, leader, processes, known)) continue;
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
