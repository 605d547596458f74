#include "skills/tree_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "skills/fingerprint.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE |
                                  IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW;
constexpr std::size_t kEventBufferBytes = 64 * limits::kKiB;

bool is_left_out(std::string_view name) {
  return name.starts_with('.') || name == "node_modules" || name == "__pycache__";
}

// What Python leaves behind when a skill is run from its own folder is no change of the skill.
bool is_noise(std::string_view name) { return name == "__pycache__" || name.ends_with(".pyc"); }

// Every entry below `root`, parents first, as long as `visit` wants more; bounded as the scan itself.
void walk(const fs::path& root, const std::function<bool(const fs::directory_entry&, bool is_folder)>& visit) {
  std::size_t entries = 0;
  std::error_code error;
  fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (++entries > limits::kSkillScanEntriesMax) return;
    std::error_code ignored;
    const bool is_folder = fs::is_directory(entry->symlink_status(ignored));
    if (is_folder &&
        (is_left_out(entry->path().filename().native()) || entry.depth() >= static_cast<int>(limits::kWatchDepthMax))) {
      entry.disable_recursion_pending();
      if (is_left_out(entry->path().filename().native())) continue;
    }
    if (!visit(*entry, is_folder)) return;
  }
}

}  // namespace

Result<TreeWatch> TreeWatch::create(std::size_t watches_max) {
  Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd) return Error::from_errno(ErrorCode::io_error, "watch folders (inotify)");
  return TreeWatch(std::move(fd), watches_max);
}

// A folder that is watched already keeps its watch. One that has just gone is no failure.
bool TreeWatch::add(const fs::path& folder, std::set<int>& now) {
  if (now.size() >= watches_max_) return false;
  const int watch = ::inotify_add_watch(fd_.get(), folder.c_str(), kEvents);
  if (watch < 0) return errno == ENOENT || errno == ENOTDIR;
  now.insert(watch);
  return true;
}

bool TreeWatch::arm(const fs::path& given_root) {
  std::set<int> now;
  std::error_code error;
  const fs::path root = fs::canonical(given_root, error);  // It may be a link itself.
  bool complete = !error && add(root, now) && !now.empty();
  walk(root, [&](const fs::directory_entry& entry, bool is_folder) {
    if (is_folder) complete = add(entry.path(), now) && complete;
    return now.size() < watches_max_;
  });
  if (now.size() >= watches_max_) complete = false;
  for (const int watch : watched_) {
    if (!now.contains(watch)) ::inotify_rm_watch(fd_.get(), watch);
  }
  watched_ = std::move(now);
  return complete;
}

bool TreeWatch::take_changes() {
  bool changed = false;
  alignas(inotify_event) std::array<char, kEventBufferBytes> buffer{};
  for (;;) {
    const ssize_t bytes = ::read(fd_.get(), buffer.data(), buffer.size());
    if (bytes <= 0) return changed;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(bytes);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      // The name is padded with zeros.
      const char* name = event.len > 0 ? buffer.data() + at + sizeof event : "";
      at += sizeof event + event.len;
      // The end of a watch that we ended ourselves is no news.
      if ((event.mask & IN_IGNORED) == 0 && !is_noise(name)) changed = true;
    }
  }
}

std::uint64_t tree_fingerprint(const fs::path& root) {
  Fingerprint mix;
  mix.add_number(folder_identity(root));
  std::uint64_t sum = 0;  // Folders are not read in any order that could be relied on.
  walk(root, [&](const fs::directory_entry& entry, bool) {
    if (is_noise(entry.path().filename().native())) return true;
    Fingerprint one;
    one.add(entry.path().native());
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) == 0) {
      one.add_entry(status);
      if (S_ISLNK(status.st_mode) && ::stat(entry.path().c_str(), &status) == 0) one.add(status);
    }
    sum += one.value();
    return true;
  });
  mix.add_number(sum);
  return mix.value();
}

std::uint64_t folder_identity(const fs::path& root) {
  struct stat status {};
  if (::stat(root.c_str(), &status) != 0) return 0;
  Fingerprint mix;
  mix.add_number(status.st_dev);
  mix.add_number(status.st_ino);
  return mix.value();
}

}  // namespace skillscale
