// Time as a parameter, so that a test can own it.
#pragma once

#include <chrono>

namespace skillscale {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime steady_now() const noexcept = 0;
  virtual WallTime wall_now() const noexcept = 0;
};

class SystemClock final : public Clock {
 public:
  SteadyTime steady_now() const noexcept override { return std::chrono::steady_clock::now(); }
  WallTime wall_now() const noexcept override { return std::chrono::system_clock::now(); }
};

// Seconds since the epoch, as the wire's `timestamp` and `deadline` count them.
inline double to_epoch_seconds(WallTime time) noexcept {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace skillscale
