#include "console.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "agent-client/terminal_text.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "os/fd.h"

namespace skillscale::cli {
namespace {

Result<std::string> read_all(int fd, const std::string& name) {
  std::string text;
  constexpr std::size_t kChunk = 64 * limits::kKiB;
  while (true) {
    const std::size_t filled = text.size();
    text.resize(filled + kChunk);
    const ssize_t got = ::read(fd, text.data() + filled, kChunk);
    if (got < 0 && errno == EINTR) {
      text.resize(filled);
      continue;
    }
    if (got < 0) return Error::from_errno(ErrorCode::io_error, "read " + name);
    text.resize(filled + static_cast<std::size_t>(got));
    if (got == 0) return text;
    if (text.size() > limits::kCommandInputBytesMax) {
      return Error{ErrorCode::too_large,
                   name + " is larger than 15 MiB, the most that fits into one intent; " +
                       "send a part of it, or put it where the skill can read it and send the path"};
    }
  }
}

std::size_t columns_of(int fd) noexcept {
  winsize size{};
  constexpr std::size_t kUnknown = 100;
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUnknown;
  return size.ws_col;
}

}  // namespace

bool output_is_terminal() noexcept { return ::isatty(STDOUT_FILENO) == 1; }

bool error_is_terminal() noexcept { return ::isatty(STDERR_FILENO) == 1; }

std::size_t terminal_width() noexcept { return columns_of(STDOUT_FILENO); }

std::size_t error_terminal_width() noexcept { return columns_of(STDERR_FILENO); }

bool write_output(std::string_view bytes) {
  return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() && std::fflush(stdout) == 0;
}

bool write_for_reader(std::string_view text) {
  if (!output_is_terminal()) return write_output(text);
  std::string safe = agent::for_terminal(text);
  if (!safe.empty() && safe.back() != '\n') safe += '\n';
  return write_output(safe);
}

void write_error(std::string_view text) { write_note("skillscale: " + std::string(text)); }

void write_note(std::string_view text) {
  std::string safe = agent::for_terminal(text);
  if (safe.empty() || safe.back() != '\n') safe += '\n';
  write_error_bytes(safe);
}

void write_error_bytes(std::string_view bytes) { std::fwrite(bytes.data(), 1, bytes.size(), stderr); }

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Result<std::string> read_input(const std::string& path) {
  const bool standard_input = path == "-";
  const std::string name = standard_input ? "standard input" : "\"" + path + "\"";
  const Fd file(standard_input ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!standard_input && !file) return Error::from_errno(ErrorCode::io_error, "open " + name);
  auto text = read_all(standard_input ? STDIN_FILENO : file.get(), name);
  if (text && !is_valid_utf8(*text)) {
    return Error{ErrorCode::invalid_request,
                 name + " is not UTF-8 text; convert it (iconv -t UTF-8), or encode binary data as text (base64)"};
  }
  return text;
}

}  // namespace skillscale::cli
