#include "skills/skill_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/limits.h"
#include "os/fd.h"
#include "skills/problem.h"
#include "skills/skill_folders.h"

namespace skillscale {
namespace {

// Without waiting for the writer of a FIFO.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

Error refuse(ErrorCode code, std::string_view path, const std::string& why) {
  return {code, "the file " + in_quotes(path) + " cannot be read: " + why};
}

Result<void> check_path(std::string_view path) {
  const auto wrong = [path](const std::string& why) { return refuse(ErrorCode::invalid_request, path, why); };
  if (path.empty() || path.size() > limits::kCatalogPathBytesMax) return wrong("the path is empty or too long");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(path, is_control)) return wrong("the path has control characters");
  for (std::string_view rest = path;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return wrong("allowed are paths below the skill's folder");
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (path == kSkillFileName || path.starts_with("references/") || path.starts_with("assets/")) return {};
  return refuse(ErrorCode::not_allowed, path, "allowed are SKILL.md and what is below references/ and assets/");
}

Fd open_folder(const std::filesystem::path& folder) {
  return Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

Fd open_beneath(const Fd& folder, const std::string& path) {
  open_how how{};
  how.flags = kReadFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, folder.get(), path.c_str(), &how, sizeof how)));
}

// Part by part, so that none of them can be a link.
Fd open_by_parts(const Fd& folder, std::string_view path) {
  Fd at(::openat(folder.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t slash = path.find('/'); at && slash != std::string_view::npos; slash = path.find('/')) {
    at = Fd(
        ::openat(at.get(), std::string(path.substr(0, slash)).c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    path.remove_prefix(slash + 1);
  }
  return at ? Fd(::openat(at.get(), std::string(path).c_str(), kReadFlags)) : Fd();
}

Error refuse_errno(std::string_view path, int error) {
  if (error == ENOENT) return refuse(ErrorCode::invalid_request, path, "there is no such file");
  if (error == ELOOP || error == EXDEV || error == ENOTDIR) {
    return refuse(ErrorCode::not_allowed, path, "links are not followed");
  }
  return Error::from_errno(ErrorCode::io_error, "read the file " + in_quotes(path), error);
}

Result<std::string> read_all(const Fd& file, std::string_view path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse_errno(path, errno);
  if (!S_ISREG(status.st_mode)) return refuse(ErrorCode::not_allowed, path, "it is no regular file");
  const std::string cap = std::to_string(limits::kCatalogFileBytesMax);
  std::string content;
  content.resize(limits::kCatalogFileBytesMax + 1);
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno(path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limits::kCatalogFileBytesMax) {
    return refuse(ErrorCode::too_large, path, "it has more than " + cap + " bytes");
  }
  content.resize(size);
  return content;
}

}  // namespace

Result<std::string> read_skill_file(const std::filesystem::path& folder, std::string_view path) {
  if (auto checked = check_path(path); !checked) return std::move(checked).error();
  const Fd root = open_folder(folder);
  if (!root) return refuse_errno(path, errno);
  const Fd file = open_beneath(root, std::string(path));
  if (!file && (errno == ENOSYS || errno == EPERM || errno == E2BIG)) return read_skill_file_by_parts(folder, path);
  if (!file) return refuse_errno(path, errno);
  return read_all(file, path);
}

Result<std::string> read_skill_file_by_parts(const std::filesystem::path& folder, std::string_view path) {
  if (auto checked = check_path(path); !checked) return std::move(checked).error();
  const Fd root = open_folder(folder);
  if (!root) return refuse_errno(path, errno);
  const Fd file = open_by_parts(root, path);
  if (!file) return refuse_errno(path, errno);
  return read_all(file, path);
}

}  // namespace skillscale
