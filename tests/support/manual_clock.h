// Time that moves only when a test says so.
#pragma once

#include "base/clock.h"

namespace skillscale::testing {

class ManualClock final : public Clock {
 public:
  SteadyTime steady_now() const noexcept override { return SteadyTime(since_start_); }
  WallTime wall_now() const noexcept override {
    return WallTime(std::chrono::seconds(1700000000)) + std::chrono::duration_cast<WallTime::duration>(since_start_);
  }
  void advance(std::chrono::nanoseconds by) { since_start_ += by; }

 private:
  std::chrono::nanoseconds since_start_ = std::chrono::seconds(1000);
};

}  // namespace skillscale::testing
