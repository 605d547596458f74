#include "skills/file_text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"

namespace skillscale {

Result<std::string> read_file_prefix(const std::filesystem::path& file, std::size_t bytes_max) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno(ErrorCode::io_error, "open");
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(ErrorCode::io_error, "read");
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::io_error, "not a regular file"};

  std::string text(bytes_max, '\0');
  std::size_t length = 0;
  while (length < bytes_max) {
    const ssize_t count = ::read(fd.get(), text.data() + length, bytes_max - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(ErrorCode::io_error, "read");
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
  }
  text.resize(length);
  return text;
}

}  // namespace skillscale
