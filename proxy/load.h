// The proxy's state as numbers: for /metrics, /v1/scale, /v1/topics and @stats.
#pragma once

#include <prometheus/collectable.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "proxy/dispatcher.h"
#include "proxy/traffic.h"

namespace skillscale {

struct GroupLoad {
  std::string topic;
  std::string group;  // Empty: nobody has ever served the topic.
  std::uint64_t pending = 0;
  std::uint64_t inflight = 0;
  std::uint64_t members = 0;
  std::uint64_t credits = 0;
  std::uint64_t held_bytes = 0;
  double oldest_ms = 0;  // Age of the intent that has waited longest.
  GroupCounters counters;
};

struct Load {
  std::vector<GroupLoad> groups;  // At most kTopicsTrackedMax, then one sum named "@other".
  std::vector<Traffic::Line> traffic;
  GroupCounters forgotten;           // Of groups that are not there any more.
  GroupCounters forgotten_unserved;  // Of topics that nobody ever served.
  DispatcherCounters counters;
  TrafficTotals totals;
  std::uint64_t held_bytes = 0;
  std::uint64_t subscriptions = 0;
  std::uint64_t subscriptions_untracked = 0;
  std::uint64_t known_runs_evicted = 0;
  std::uint64_t members = 0;
};

Load measure_load(const Dispatcher& dispatcher, const Traffic& traffic, const Subscriptions& subscriptions,
                  SteadyTime now);

// {"topic", "pending", "inflight", "load", "members", "credits", "oldest_ms"}, summed over
// the topic's groups; zeros for a topic that nobody uses. `load` is pending + inflight.
std::string scale_json(const Load& load, std::string_view topic);
std::string topics_json(const Load& load);
std::string stats_json(const Load& load);

// The latest Load, written by the proxy's thread and read by HTTP threads.
class LoadBoard : public prometheus::Collectable {
 public:
  void publish(Load load);
  std::shared_ptr<const Load> latest() const;
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // Shared because a scrape may still read a Load that has been replaced.
  mutable Guarded<std::shared_ptr<const Load>> latest_{std::make_shared<const Load>()};
};

}  // namespace skillscale
