#include "skills/skill_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "os/fd.h"
#include "skills/problem.h"
#include "skills/sha256.h"
#include "skills/skill_folders.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

bool is_left_out(const std::string& name) { return name.starts_with('.') || name == "__pycache__"; }

class FileWalk {
 public:
  FileWalk(const fs::path& folder, const fs::path& boundary) : folder_(folder), boundary_(boundary) {}

  Result<void> visit(const std::string& below, std::size_t depth) {
    const fs::path place = folder_ / below;
    std::error_code error;
    const fs::path real = fs::canonical(place, error);
    if (error || !is_inside(real, boundary_)) return {};
    if (depth > limits::kSkillFileDepthMax)
      return too_large("folders in " + in_quotes(below) + " are nested too deeply");

    std::vector<std::string> names;
    fs::directory_iterator entry(real, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (++entries_ > limits::kSkillFilesMax) {
        return too_large("there are more than " + std::to_string(limits::kSkillFilesMax) + " files");
      }
      names.push_back(entry->path().filename().string());
    }
    if (error) return Error{ErrorCode::io_error, "cannot read " + in_quotes(below) + ": " + error.message()};
    around_.push_back(real);
    for (const std::string& name : names) {
      if (is_left_out(name)) continue;
      if (auto visited = visit_entry(below.empty() ? name : below + '/' + name, depth); !visited) return visited;
    }
    around_.pop_back();
    return {};
  }

  std::vector<SkillFile> take() {
    std::sort(files_.begin(), files_.end(), [](const SkillFile& a, const SkillFile& b) { return a.path < b.path; });
    return std::move(files_);
  }

 private:
  static Error too_large(std::string why) { return Error{ErrorCode::too_large, std::move(why)}; }

  Result<void> visit_entry(const std::string& path, std::size_t depth) {
    const fs::path place = folder_ / path;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(place, error))) {
      const fs::path target = fs::canonical(place, error);
      const bool is_loop = std::find(around_.begin(), around_.end(), target) != around_.end();
      if (error || is_loop || !is_inside(target, boundary_)) {
        files_.push_back({path, 0, false, fs::read_symlink(place, error).string()});
        return {};
      }
    }
    struct stat status = {};
    if (::stat(place.c_str(), &status) != 0) return {};  // Gone meanwhile.
    if (S_ISDIR(status.st_mode)) return visit(path, depth + 1);
    if (S_ISREG(status.st_mode)) {
      files_.push_back({path, static_cast<std::uint64_t>(status.st_size), (status.st_mode & S_IXUSR) != 0, {}});
    }
    return {};
  }

  const fs::path& folder_;
  const fs::path& boundary_;
  std::vector<fs::path> around_;  // The folders that are being visited.
  std::vector<SkillFile> files_;
  std::size_t entries_ = 0;
};

struct Content {
  std::string sha256;
  std::uint64_t bytes = 0;
};

// Counted while it is read: the file may have grown since it was listed.
Result<Content> hash_file(const fs::path& file, std::uint64_t bytes_max) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno(ErrorCode::io_error, "open " + in_quotes(file.native()));
  Sha256 sum;
  Content content;
  std::string block(limits::kPipeReadBytes, '\0');
  for (;;) {
    const ssize_t count = ::read(fd.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(ErrorCode::io_error, "read " + in_quotes(file.native()));
    if (count == 0) break;
    content.bytes += static_cast<std::uint64_t>(count);
    if (content.bytes > bytes_max) {
      return Error{ErrorCode::too_large,
                   "the files have more than " + std::to_string(limits::kSkillFilesBytesMax) + " bytes"};
    }
    sum.add({block.data(), static_cast<std::size_t>(count)});
  }
  content.sha256 = sum.finish();
  return content;
}

}  // namespace

Result<std::vector<SkillFile>> list_skill_files(const fs::path& folder, const fs::path& boundary,
                                                const std::string& below) {
  FileWalk walk(folder, boundary);
  std::error_code error;
  if (!below.empty() && !fs::is_directory(folder / below, error)) return std::vector<SkillFile>();
  if (auto visited = walk.visit(below, 0); !visited) return std::move(visited).error();
  return walk.take();
}

Result<std::vector<HashedFile>> hash_skill_files(const fs::path& folder) {
  auto files = list_skill_files(folder, folder);
  if (!files) return std::move(files).error();
  std::vector<HashedFile> hashed;
  hashed.reserve(files->size());
  std::uint64_t bytes_left = limits::kSkillFilesBytesMax;
  for (SkillFile& file : *files) {
    if (!file.link_outside.empty()) {
      std::string sum = sha256_of(file.link_outside);
      hashed.push_back({std::move(file), std::move(sum)});
      continue;
    }
    auto content = hash_file(folder / file.path, bytes_left);
    if (!content) return std::move(content).error();
    bytes_left -= content->bytes;
    file.bytes = content->bytes;
    hashed.push_back({std::move(file), std::move(content->sha256)});
  }
  return hashed;
}

std::string digest_of(const std::vector<HashedFile>& files) {
  Sha256 sum;
  for (const HashedFile& hashed : files) {
    const SkillFile& file = hashed.file;
    const char kind = !file.link_outside.empty() ? 'l' : file.executable ? 'x' : '-';
    std::string line(1, kind);
    line += ' ' + std::to_string(file.bytes) + ' ' + hashed.sha256 + ' ' + file.path;
    line.push_back('\0');
    sum.add(line);
  }
  return "sha256:" + sum.finish();
}

Result<std::string> digest_of_skill(const fs::path& folder) {
  const auto files = hash_skill_files(folder);
  if (!files) return files.error();
  return digest_of(files.value());
}

}  // namespace skillscale
