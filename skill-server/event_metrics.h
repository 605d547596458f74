// What a skill server counts of its runs' events. Thread-safe, as prometheus-cpp is.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/event.h"

namespace skillscale {

class EventMetrics {
 public:
  explicit EventMetrics(prometheus::Registry& registry);

  void published(EventKind kind) { published_[static_cast<std::size_t>(kind)]->Increment(); }
  void lost() { lost_.Increment(); }
  void held(std::uint64_t times) { held_.Increment(static_cast<double>(times)); }
  void lines_dropped(std::uint64_t lines) { lines_dropped_.Increment(static_cast<double>(lines)); }

 private:
  std::array<prometheus::Counter*, kEventKinds> published_{};
  prometheus::Counter& lost_;
  prometheus::Counter& held_;
  prometheus::Counter& lines_dropped_;
};

}  // namespace skillscale
