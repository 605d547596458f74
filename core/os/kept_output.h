// What is kept of a stream of a program: its first part, its last part, and how much it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "os/fd.h"

namespace skillscale {

struct CapturedOutput {
  std::string bytes;       // The first part, at most the cap.
  bool truncated = false;  // There was more; it was read and thrown away.
};

class KeptOutput {
 public:
  // The first `bytes_max` and the last `tail_bytes_max` bytes are kept.
  KeptOutput(std::size_t bytes_max, std::size_t tail_bytes_max)
      : bytes_max_(bytes_max), tail_bytes_max_(tail_bytes_max) {}

  std::uint64_t total_bytes() const noexcept { return total_bytes_; }
  std::string_view add(std::string_view chunk);  // What is kept of it in the first part; valid until the next call.
  // The same with what `pipe` holds, at most kPipeReadBytes of it; never waits. Closes it when it has ended.
  std::string_view read_some(Fd& pipe);
  CapturedOutput take_output() { return {std::move(bytes_), truncated_}; }
  std::string take_tail();

 private:
  std::size_t bytes_max_;
  std::size_t tail_bytes_max_;
  std::string bytes_;
  std::string tail_;
  std::uint64_t total_bytes_ = 0;
  bool truncated_ = false;
};

}  // namespace skillscale
