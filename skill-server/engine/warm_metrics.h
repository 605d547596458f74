// The counters of the warm runners, as metrics.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "engine/warm_runners.h"

namespace skillscale {

class WarmMetrics {
 public:
  // Both must outlive it.
  WarmMetrics(prometheus::Registry& registry, const WarmCounters& counters);
  void observe();  // Takes over what has been counted since. On one thread.

 private:
  struct Line {
    const std::atomic<std::uint64_t>& value;
    prometheus::Counter& counter;
    std::uint64_t seen = 0;
  };
  std::vector<Line> lines_;
};

}  // namespace skillscale
