// Messages and bytes by topic, in bounded memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/subscriptions.h"

namespace skillscale {

struct TrafficCount {
  std::uint64_t messages_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t dropped = 0;  // Nobody was subscribed, or the subscriber's queue was full.
};

struct TrafficTotals {
  TrafficCount all;
  std::uint64_t malformed = 0;  // Frames that belong to no message we know.
  std::uint64_t too_large = 0;
  std::uint64_t stalls = 0;  // A subscriber's queue was full.
};

// Topics come from strangers: the first kTopicsTrackedMax names are counted
// apart, the rest and what is no topic as "@other"; replies are counted together, and so are events. Not thread-safe.
class Traffic {
 public:
  struct Line {
    std::string topic;
    TrafficCount count;
  };

  // The counters of `topic`. Good until the next call.
  TrafficCount& of_topic(std::string_view topic);
  TrafficCount& of_replies() noexcept { return replies_; }
  TrafficCount& of_events() noexcept { return events_; }

  std::vector<Line> lines() const;
  TrafficTotals totals;

 private:
  StringMap<TrafficCount> topics_;
  TrafficCount other_;
  TrafficCount replies_;
  TrafficCount events_;
};

}  // namespace skillscale
