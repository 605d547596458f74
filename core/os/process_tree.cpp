#include "os/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>
#include <string>
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

std::map<pid_t, ProcessStat> process_tree(pid_t leader) {
  const std::map<pid_t, ProcessStat> processes = all_processes();
  std::map<pid_t, bool> known;
  std::map<pid_t, ProcessStat> tree;
  for (const auto& [pid, stat] : processes) {
    if (!stat.ended && belongs(pid, leader, processes, known)) tree.emplace(pid, stat);
  }
  return tree;
}

}  // namespace skillscale
