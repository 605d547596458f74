#include "os/kept_output.h"

#include <algorithm>

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

std::string KeptOutput::take_tail() {
  trim(tail_, tail_bytes_max_);
  return std::move(tail_);
}

}  // namespace skillscale
