#include "proxy/traffic.h"

#include "base/limits.h"
#include "protocol/topic.h"

namespace skillscale {

TrafficCount& Traffic::of_topic(std::string_view topic) {
  const auto known = topics_.find(topic);
  if (known != topics_.end()) return known->second;
  if (topics_.size() >= limits::kTopicsTrackedMax || !is_topic(topic)) return other_;
  return topics_.emplace(topic, TrafficCount{}).first->second;
}

std::vector<Traffic::Line> Traffic::lines() const {
  std::vector<Line> lines;
  lines.reserve(topics_.size() + 3);
  for (const auto& [topic, count] : topics_) lines.push_back({topic, count});
  lines.push_back({"@other", other_});
  lines.push_back({"@replies", replies_});
  lines.push_back({"@events", events_});
  return lines;
}

}  // namespace skillscale
