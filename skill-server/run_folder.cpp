#include "skill-server/run_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "daemon/logging.h"

namespace skillscale {
namespace {

constexpr const char* kHome = ".home";
constexpr const char* kTemporary = ".tmp";
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

Fd open_folder(int parent, const char* name) {
  return Fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::vector<Entry> list_folder(const Fd& folder) {
  std::vector<Entry> entries;
  Fd copy = open_folder(folder.get(), ".");
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

}  // namespace

Result<RunFolder> RunFolder::create(const std::string& parent) {
  std::string path = parent + "/skillscale-run-XXXXXX";
  if (mkdtemp(path.data()) == nullptr)
    return Error::from_errno(ErrorCode::spawn_failed, "create a folder in " + parent);
  Fd folder = open_folder(AT_FDCWD, path.c_str());
  if (!folder) return Error::from_errno(ErrorCode::spawn_failed, "open " + path);
  RunFolder result(std::move(path), std::move(folder));
  for (const char* name : {kHome, kTemporary}) {
    if (mkdirat(result.folder_.get(), name, S_IRWXU) != 0) {
      return Error::from_errno(ErrorCode::spawn_failed, "create " + result.path_ + "/" + name);
    }
  }
  return result;
}

RunFolder::~RunFolder() {
  if (!folder_) return;
  unlinkat(folder_.get(), kHome, AT_REMOVEDIR);
  unlinkat(folder_.get(), kTemporary, AT_REMOVEDIR);
  remove_tree(path_, folder_);
}

std::string RunFolder::home() const { return path_ + "/" + kHome; }
std::string RunFolder::temporary() const { return path_ + "/" + kTemporary; }

Result<void> RunFolder::write_file(const std::string& name, std::string_view bytes) {
  const Fd file(
      openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!file) return Error::from_errno(ErrorCode::spawn_failed, "create " + path_ + "/" + name);
  while (!bytes.empty()) {
    const ssize_t written = write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Error::from_errno(ErrorCode::spawn_failed, "write " + path_ + "/" + name);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace skillscale
