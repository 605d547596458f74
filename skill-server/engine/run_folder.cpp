#include "engine/run_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "daemon/logging.h"
#include "skills/glob.h"
#include "skills/problem.h"

namespace skillscale {
namespace {

// What is made here, for the Python shim or for copies of skills, below the folder that the operator gives.
constexpr std::string_view kFolderPrefixes[] = {"skillscale-run-", "skillscale-python-", "skillscale-skills-"};
constexpr const char* kHome = ".home";
constexpr const char* kTemporary = ".tmp";
// What a run finds of its skill. Names of ours all begin with ".skillscale-".
constexpr const char* kSkillParts[] = {"scripts", "references", "assets", "SKILL.md"};
constexpr std::string_view kOwnPrefix = ".skillscale-";
// Passes over a tree that remove nothing, before it is given up.
constexpr int kIdlePassesMax = 4;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

struct Entry {
  std::string name;
  bool folder = false;
};

Fd open_folder(int parent, const char* name, int more_flags = 0) {
  return Fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | more_flags));
}

std::vector<Entry> list_folder(const Fd& folder, int more_flags = 0) {
  std::vector<Entry> entries;
  Fd copy = open_folder(folder.get(), ".", more_flags);
  if (!copy) return entries;
  const Directory directory(fdopendir(copy.release()));
  if (!directory) return entries;
  while (const dirent* entry = readdir(directory.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    entries.push_back({.name = entry->d_name, .folder = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN});
  }
  return entries;
}

// What has been done to a tree so far; tells a deep tree from one that cannot be removed.
struct Progress {
  std::size_t serial = 0;  // Names the folders that are moved.
  std::size_t steps = 0;
};

bool unlink_entry(const Fd& folder, const Entry& entry, Progress& progress) {
  const char* name = entry.name.c_str();
  const bool gone = unlinkat(folder.get(), name, entry.folder ? AT_REMOVEDIR : 0) == 0 ||
                    (entry.folder && unlinkat(folder.get(), name, 0) == 0);  // Of unknown type: a file after all.
  progress.steps += gone ? 1 : 0;
  return gone;
}

// Removes what is in `folder`; the folders in it that are not empty move up into
// `top`. No recursion and no long paths: a run may leave a tree of any depth.
void flatten(const Fd& top, const Fd& folder, Progress& progress) {
  for (const Entry& entry : list_folder(folder)) {
    if (unlink_entry(folder, entry, progress) || !entry.folder) continue;
    fchmodat(folder.get(), entry.name.c_str(), S_IRWXU, 0);  // A folder that cannot be written cannot be moved.
    const std::string name = ".removed-" + std::to_string(progress.serial++);
    if (renameat(folder.get(), entry.name.c_str(), top.get(), name.c_str()) == 0) ++progress.steps;
  }
}

void remove_once(const Fd& top, Progress& progress) {
  for (const Entry& entry : list_folder(top)) {
    if (unlink_entry(top, entry, progress) || !entry.folder) continue;
    fchmodat(top.get(), entry.name.c_str(), S_IRWXU, 0);
    if (const Fd folder = open_folder(top.get(), entry.name.c_str())) flatten(top, folder, progress);
    unlink_entry(top, entry, progress);
  }
}

void remove_tree(const std::string& path, const Fd& folder) {
  if (rmdir(path.c_str()) == 0) return;
  fchmod(folder.get(), S_IRWXU);
  Progress progress;
  for (int idle = 0; idle < kIdlePassesMax;) {
    const std::size_t before = progress.steps;
    remove_once(folder, progress);
    if (rmdir(path.c_str()) == 0) return;
    idle = progress.steps == before ? idle + 1 : 0;
  }
  log::warn("cannot remove the folder of a run", {{"folder", path}});
}

bool is_reserved(const std::string& name) {
  return name == kHome || name == kTemporary || name.starts_with(kOwnPrefix) ||
         std::ranges::find(kSkillParts, name) != std::end(kSkillParts);
}

Error refuse_input(const std::string& path, std::string_view why) {
  return {ErrorCode::invalid_request, "files: " + in_quotes(path) + " " + std::string(why)};
}

// The names of a path that an intent gives.
Result<std::vector<std::string>> input_path(const std::string& path) {
  if (path.starts_with('/')) return refuse_input(path, "must be relative to the run's folder");
  if (path.size() > limits::kRunPathBytesMax) return refuse_input(path, "is too long");
  std::vector<std::string> names = split_path(path);
  if (names.empty() || path.ends_with('/')) return refuse_input(path, "names no file");
  if (names.size() > limits::kRunDepthMax) return refuse_input(path, "is too deep");
  for (const std::string& name : names) {
    if (name == "..") return refuse_input(path, "must not leave the run's folder");
    if (name.size() > limits::kRunNameBytesMax) return refuse_input(path, "has a name that is too long");
  }
  if (is_reserved(names.front())) return refuse_input(path, "is where the skill's own files are");
  return names;
}

Result<void> write_all(const Fd& file, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Error::from_errno(ErrorCode::spawn_failed, "write " + path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Nothing that a run could have written into the folder itself: extended attributes
// (but those of a security module, which the system gives), access lists, flags.
bool has_plain_inode(const Fd& folder) {
  struct statx status {};
  if (statx(folder.get(), "", AT_EMPTY_PATH, STATX_MODE | STATX_UID, &status) != 0) return false;
  constexpr std::uint64_t kFlags =
      STATX_ATTR_COMPRESSED | STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP | STATX_ATTR_ENCRYPTED;
  if ((status.stx_mode & ~S_ISGID) != (S_IFDIR | S_IRWXU) || status.stx_uid != geteuid() ||
      (status.stx_attributes & kFlags) != 0) {
    return false;
  }
  std::array<char, 512> names{};
  const ssize_t bytes = flistxattr(folder.get(), names.data(), names.size());
  if (bytes < 0) return errno == ENOTSUP;
  std::string_view rest(names.data(), static_cast<std::size_t>(bytes));
  while (!rest.empty()) {
    if (!rest.starts_with("security.")) return false;
    rest.remove_prefix(rest.find('\0') + 1);
  }
  return true;
}

// File systems of this machine, which set the time of a change by its clock.
bool tells_changes(const Fd& folder) {
  struct statfs status {};
  if (fstatfs(folder.get(), &status) != 0) return false;
  static constexpr std::array<decltype(status.f_type), 5> kKnown = {TMPFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                                                    BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};
  return std::ranges::find(kKnown, status.f_type) != kKnown.end();
}

std::int64_t nanoseconds(std::int64_t seconds, std::uint32_t rest) { return seconds * 1'000'000'000 + rest; }

std::string link_target(const Fd& folder, const std::string& name) {
  std::string target(limits::kRunPathBytesMax, '\0');
  const ssize_t bytes = readlinkat(folder.get(), name.c_str(), target.data(), target.size());
  target.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
  return target;
}

}  // namespace

Result<RunFolder> RunFolder::create_bare(const std::string& parent, const char* name) {
  std::string path = parent + "/" + name;
  if (mkdtemp(path.data()) == nullptr)
    return Error::from_errno(ErrorCode::spawn_failed, "create a folder in " + parent);
  Fd folder = open_folder(AT_FDCWD, path.c_str());
  if (!folder) return Error::from_errno(ErrorCode::spawn_failed, "open " + path);
  // Held as long as this process lives: who can lock it alone has found an orphan.
  flock(folder.get(), LOCK_SH | LOCK_NB);
  return RunFolder(std::move(path), std::move(folder));
}

Result<RunFolder> RunFolder::create(const std::string& parent) {
  auto result = create_bare(parent, "skillscale-run-XXXXXX");
  if (!result) return result;
  for (const char* name : {kHome, kTemporary}) {
    if (mkdirat(result->folder_.get(), name, S_IRWXU) != 0) {
      return Error::from_errno(ErrorCode::spawn_failed, "create " + result->path_ + "/" + name);
    }
  }
  return result;
}

RunFolder::~RunFolder() {
  if (!folder_) return;
  if (const auto keeper = std::exchange(keeper_, nullptr); keeper && keeper->keep(*this)) return;
  unlinkat(folder_.get(), kHome, AT_REMOVEDIR);
  unlinkat(folder_.get(), kTemporary, AT_REMOVEDIR);
  remove_tree(path_, folder_);
}

std::size_t remove_orphaned_folders(const std::string& parent, std::chrono::seconds age_min) {
  const Fd folder = open_folder(AT_FDCWD, parent.c_str());
  if (!folder) return 0;
  std::size_t removed = 0;
  for (const Entry& entry : list_folder(folder)) {
    const std::string_view name = entry.name;
    const auto begins = [name](std::string_view prefix) { return name.starts_with(prefix); };
    if (!entry.folder || std::ranges::none_of(kFolderPrefixes, begins)) continue;
    const Fd orphan = open_folder(folder.get(), entry.name.c_str());
    struct stat status {};
    if (!orphan || fstat(orphan.get(), &status) != 0 || status.st_uid != geteuid()) continue;
    // Somebody may have made it just now and be about to lock it.
    if (time(nullptr) - status.st_ctim.tv_sec < age_min.count() || flock(orphan.get(), LOCK_EX | LOCK_NB) != 0)
      continue;
    remove_tree(parent + "/" + entry.name, orphan);
    if (++removed == limits::kOrphanedFoldersMax) break;
  }
  return removed;
}

std::string RunFolder::home() const { return path_ + "/" + kHome; }
std::string RunFolder::temporary() const { return path_ + "/" + kTemporary; }

Result<void> RunFolder::write_file(const std::string& name, std::string_view bytes) {
  const Fd file(
      openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!file) return Error::from_errno(ErrorCode::spawn_failed, "create " + path_ + "/" + name);
  return write_all(file, path_ + "/" + name, bytes);
}

Result<void> RunFolder::add_input(const std::string& path, std::string_view bytes) {
  auto names = input_path(path);
  if (!names) return std::move(names).error();
  Fd folder = open_folder(folder_.get(), ".");
  for (std::size_t index = 0; index + 1 < names->size(); ++index) {
    const char* name = (*names)[index].c_str();
    if (mkdirat(folder.get(), name, S_IRWXU) != 0 && errno != EEXIST) {
      return Error::from_errno(ErrorCode::spawn_failed, "create a folder for " + in_quotes(path));
    }
    folder = open_folder(folder.get(), name);
    if (!folder) return refuse_input(path, "has a file of the same intent in the place of a folder");
  }
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  const Fd file(openat(folder.get(), names->back().c_str(), kFlags, S_IRUSR | S_IWUSR));
  if (!file && errno == EEXIST) return refuse_input(path, "is there twice");
  if (!file) return Error::from_errno(ErrorCode::spawn_failed, "create " + in_quotes(path));
  return write_all(file, in_quotes(path), bytes);
}

std::vector<RunFolder::Link> RunFolder::links_to(const std::filesystem::path& skill) {
  std::vector<Link> links;
  if (skill.empty()) return links;
  for (const char* name : kSkillParts) {
    std::string target = skill.native() + "/" + name;
    if (access(target.c_str(), F_OK) == 0) links.push_back({name, std::move(target)});
  }
  return links;
}

Result<void> RunFolder::link_skill(const std::filesystem::path& skill) {
  links_ = links_to(skill);
  for (const Link& link : links_) {
    if (symlinkat(link.target.c_str(), folder_.get(), link.name.c_str()) != 0) {
      return Error::from_errno(ErrorCode::spawn_failed, "link " + path_ + "/" + link.name);
    }
  }
  return {};
}

std::vector<RunFolder::Stamp> RunFolder::stamps() const {
  std::vector<Stamp> stamps;
  stamps.reserve(links_.size() + 3);
  const auto add = [&](const char* name, int flags) {
    struct statx status {};
    const bool known = statx(folder_.get(), name, flags, STATX_CTIME | STATX_ATIME, &status) == 0;
    stamps.push_back(known ? Stamp{.changed = nanoseconds(status.stx_ctime.tv_sec, status.stx_ctime.tv_nsec),
                                   .accessed = nanoseconds(status.stx_atime.tv_sec, status.stx_atime.tv_nsec)}
                           : Stamp{});
  };
  add("", AT_EMPTY_PATH);
  for (const char* name : {kHome, kTemporary}) add(name, AT_SYMLINK_NOFOLLOW);
  for (const Link& link : links_) add(link.name.c_str(), AT_SYMLINK_NOFOLLOW);
  return stamps;
}

// The kernel stamps changes with a clock that may tick only every 10 ms: what is
// changed in the tick of the last change cannot be told from it.
void RunFolder::begin_use() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const std::int64_t tick = nanoseconds(now.tv_sec, static_cast<std::uint32_t>(now.tv_nsec));
  stamps_tell_ = tells_changes_ && std::ranges::all_of(stamps_, [tick](const Stamp& s) { return s.changed < tick; });
}

// Whatever is done to a file changes its stamp, which nobody can set; so mostly one look at those is
// enough. Reading changes only the other time, which would tell the next run of it, so it is set, too.
bool RunFolder::end_use() {
  const bool same = stamps() == stamps_;
  if (same && stamps_tell_) return true;
  if (!is_untouched()) return false;
  if (!same) reset_times();
  stamps_ = stamps();  // Reading the links was noted, too.
  return true;
}

// Times can be set to any value, so they could tell something.
void RunFolder::reset_times() const {
  futimens(folder_.get(), nullptr);
  for (const char* name : {kHome, kTemporary}) utimensat(folder_.get(), name, nullptr, AT_SYMLINK_NOFOLLOW);
  for (const Link& link : links_) utimensat(folder_.get(), link.name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

// Names are looked up again: a run may have put something else in the place of what was made.
bool RunFolder::is_untouched() const {
  if (!has_plain_inode(folder_) || list_folder(folder_, O_NOATIME).size() != links_.size() + 2) return false;
  for (const char* name : {kHome, kTemporary}) {
    const Fd folder = open_folder(folder_.get(), name);
    if (!folder || !has_plain_inode(folder) || !list_folder(folder, O_NOATIME).empty()) return false;
  }
  return std::ranges::all_of(links_, [&](const Link& link) { return link_target(folder_, link.name) == link.target; });
}

Result<RunFolder> SpareFolders::take(const std::filesystem::path& skill) {
  const auto links = RunFolder::links_to(skill);
  std::list<RunFolder> found;  // At most one.
  if (auto spares = spares_.lock(); !links.empty()) {
    const auto fits = std::ranges::find(*spares, links, &RunFolder::links_);
    if (fits != spares->end()) found.splice(found.end(), *spares, fits);
  }
  if (!found.empty()) {
    found.front().begin_use();
    return std::move(found.front());
  }
  auto folder = RunFolder::create(parent_);
  if (!folder) return folder;
  if (auto linked = folder->link_skill(skill); !linked) return std::move(linked).error();
  folder->tells_changes_ = tells_changes(folder->folder_);
  folder->stamps_ = folder->stamps();
  folder->begin_use();
  return folder;
}

bool SpareFolders::keep(RunFolder& folder) {
  if (!folder.end_use()) return false;
  std::list<RunFolder> oldest;  // Removed outside the lock.
  auto spares = spares_.lock();
  if (spares->size() == limits::kSpareRunFoldersMax) oldest.splice(oldest.end(), *spares, spares->begin());
  spares->push_back(std::move(folder));
  return true;
}

std::string RunFolder::own_file(std::string_view variable) {
  std::string name(kOwnPrefix);
  for (const char c : variable.substr(variable.find('_') + 1)) {
    name += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name;
}

}  // namespace skillscale
