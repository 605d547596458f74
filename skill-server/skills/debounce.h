// Waits until a series of changes has settled, but not for ever.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"

namespace skillscale {

// Due `quiet` after the last change, at the latest `bound` after the first. A value.
class Debounce {
 public:
  Debounce(std::chrono::milliseconds quiet, std::chrono::milliseconds bound) : quiet_(quiet), bound_(bound) {}

  void note(SteadyTime now) {
    if (!first_) first_ = now;
    last_ = now;
  }
  void note_at_once(SteadyTime now) {
    note(now);
    at_once_ = true;
  }
  std::optional<SteadyTime> due() const {
    if (!first_) return std::nullopt;
    return at_once_ ? *first_ : std::min(last_ + quiet_, *first_ + bound_);
  }
  // True, and begins anew, when it is due.
  bool take(SteadyTime now) {
    const auto at = due();
    if (!at || now < *at) return false;
    first_.reset();
    at_once_ = false;
    return true;
  }

 private:
  std::chrono::milliseconds quiet_;
  std::chrono::milliseconds bound_;
  std::optional<SteadyTime> first_;
  SteadyTime last_;
  bool at_once_ = false;
};

}  // namespace skillscale
