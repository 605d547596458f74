#include "os/kept_output.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/limits.h"

namespace skillscale {
namespace {

void trim(std::string& tail, std::size_t bytes) {
  if (tail.size() > bytes) tail.erase(0, tail.size() - bytes);
}

}  // namespace

std::string_view KeptOutput::add(std::string_view chunk) {
  total_bytes_ += chunk.size();
  const std::size_t kept_before = bytes_.size();
  const std::size_t room = bytes_max_ - kept_before;
  bytes_.append(chunk.substr(0, room));
  truncated_ = truncated_ || chunk.size() > room;
  tail_.append(chunk.substr(chunk.size() - std::min(chunk.size(), tail_bytes_max_)));
  if (tail_.size() > 2 * tail_bytes_max_) trim(tail_, tail_bytes_max_);
  return std::string_view(bytes_).substr(kept_before);
}

std::string_view KeptOutput::read_some(Fd& pipe) {
  std::array<char, limits::kPipeReadBytes> buffer;
  const ssize_t got = ::read(pipe.get(), buffer.data(), buffer.size());
  if (got > 0) return add({buffer.data(), static_cast<std::size_t>(got)});
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) pipe.reset();
  return {};
}

std::string KeptOutput::take_tail() {
  trim(tail_, tail_bytes_max_);
  return std::move(tail_);
}

}  // namespace skillscale
