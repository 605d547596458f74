#include "engine/artifacts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/utf8.h"
#include "skills/problem.h"
#include "skills/sha256.h"

namespace skillscale {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Error too_large(std::string detail) { return {ErrorCode::output_too_large, "artifacts: " + std::move(detail)}; }

// One walk over a run's folder.
class Collection {
 public:
  Collection(const std::vector<Glob>& globs, const ArtifactBounds& bounds)
      : globs_(globs), bounds_(bounds), used_(globs.size(), false) {}

  Result<Collected> run(const Fd& folder) {
    if (auto walked = walk(folder, "", 0); !walked) return std::move(walked).error();
    std::ranges::sort(collected_.artifacts, {}, &Artifact::path);
    for (std::size_t index = 0; index < globs_.size(); ++index) {
      if (!used_[index]) warn("collect: nothing matches " + in_quotes(globs_[index].text()));
    }
    return std::move(collected_);
  }

 private:
  Result<void> walk(const Fd& folder, const std::string& prefix, std::size_t depth) {
    // A descriptor of its own: reading a directory moves its offset.
    Fd copy(openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!copy) return {};
    const Directory directory(fdopendir(copy.release()));
    if (!directory) return {};
    while (const dirent* entry = readdir(directory.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++entries_ > limits::kRunEntriesMax) {
        return too_large("the run's folder has more than " + std::to_string(limits::kRunEntriesMax) + " entries");
      }
      if (auto taken = take(folder, name, prefix + name, depth); !taken) return taken;
    }
    return {};
  }

  Result<void> take(const Fd& folder, const std::string& name, const std::string& path, std::size_t depth) {
    struct stat status {};
    if (fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return {};
    if (S_ISDIR(status.st_mode)) {
      if (depth >= limits::kRunDepthMax || path.size() > limits::kRunPathBytesMax) return {};
      const Fd inner(openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      return inner ? walk(inner, path + "/", depth + 1) : Result<void>();
    }
    if (!is_wanted(path)) return {};
    if (!S_ISREG(status.st_mode)) {
      warn("collect: " + in_quotes(path) + " is left out: it is no regular file");
      return {};
    }
    return read(folder, name, path);
  }

  bool is_wanted(const std::string& path) {
    bool wanted = false;
    for (std::size_t index = 0; index < globs_.size(); ++index) {
      if (wanted && used_[index]) continue;
      if (!globs_[index].matches(path)) continue;
      used_[index] = true;
      wanted = true;
    }
    return wanted;
  }

  Result<void> read(const Fd& folder, const std::string& name, const std::string& path) {
    // Not blocking, in case it has become a pipe since it was looked at.
    const Fd file(openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      warn("collect: " + in_quotes(path) + " is left out: it cannot be read");
      return {};
    }
    // It may be another name of a file that this run was never shown.
    if (status.st_nlink != 1) {
      warn("collect: " + in_quotes(path) + " is left out: the file has more than one name");
      return {};
    }
    if (!is_valid_utf8(path)) {
      warn("collect: " + in_quotes(path) + " is left out: its name is not UTF-8");
      return {};
    }
    if (collected_.artifacts.size() == bounds_.count_max) {
      return too_large("more than " + std::to_string(bounds_.count_max) + " files match");
    }
    Artifact artifact{.path = path, .mime = mime_type(path), .sha256 = {}, .content = {}};
    if (auto got = read_content(file, static_cast<std::size_t>(status.st_size), artifact.content); !got) return got;
    artifact.sha256 = sha256_of(artifact.content);
    collected_.artifacts.push_back(std::move(artifact));
    return {};
  }

  // Up to the end of the file, however long it was said to be.
  Result<void> read_content(const Fd& file, std::size_t expected, std::string& content) {
    const std::size_t room = bounds_.bytes_max - collected_.bytes;
    const auto over = [&] {
      return too_large("the files that match have more than " + std::to_string(bounds_.bytes_max) + " bytes");
    };
    if (expected > room) return over();
    content.reserve(expected + 1);
    std::array<char, limits::kPipeReadBytes> buffer;
    while (true) {
      const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      if (content.size() + static_cast<std::size_t>(got) > room) return over();
      content.append(buffer.data(), static_cast<std::size_t>(got));
    }
    collected_.bytes += content.size();
    return {};
  }

  void warn(std::string text) {
    if (collected_.warnings.size() < limits::kReplyWarningsMax) collected_.warnings.push_back(std::move(text));
  }

  const std::vector<Glob>& globs_;
  const ArtifactBounds bounds_;
  std::vector<bool> used_;
  std::size_t entries_ = 0;
  Collected collected_;
};

}  // namespace

Result<Collected> collect_artifacts(const Fd& folder, const std::vector<Glob>& globs, const ArtifactBounds& bounds) {
  if (globs.empty()) return Collected{};
  return Collection(globs, bounds).run(folder);
}

std::string mime_type(std::string_view path) {
  static constexpr std::pair<std::string_view, const char*> kTypes[] = {
      {"bmp", "image/bmp"},
      {"bz2", "application/x-bzip2"},
      {"css", "text/css"},
      {"csv", "text/csv"},
      {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {"gif", "image/gif"},
      {"gz", "application/gzip"},
      {"htm", "text/html"},
      {"html", "text/html"},
      {"jpeg", "image/jpeg"},
      {"jpg", "image/jpeg"},
      {"js", "text/javascript"},
      {"json", "application/json"},
      {"log", "text/plain"},
      {"md", "text/markdown"},
      {"mp3", "audio/mpeg"},
      {"mp4", "video/mp4"},
      {"pdf", "application/pdf"},
      {"png", "image/png"},
      {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
      {"py", "text/x-python"},
      {"sh", "application/x-sh"},
      {"svg", "image/svg+xml"},
      {"tar", "application/x-tar"},
      {"tiff", "image/tiff"},
      {"tsv", "text/tab-separated-values"},
      {"txt", "text/plain"},
      {"wav", "audio/wav"},
      {"webp", "image/webp"},
      {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
      {"xml", "application/xml"},
      {"yaml", "application/yaml"},
      {"yml", "application/yaml"},
      {"zip", "application/zip"},
  };
  const std::size_t dot = path.rfind('.');
  std::string extension(dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1));
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const auto& [known, type] : kTypes) {
    if (known == extension) return type;
  }
  return "application/octet-stream";
}

}  // namespace skillscale
