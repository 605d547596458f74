// What a skill server counts for each skill, with labels that are bounded.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "protocol/reply.h"
#include "skill-server/catalogue_snapshot.h"
#include "skill-server/circuit_breaker.h"

namespace skillscale {

// A skill gets series of its own when it comes into the catalogue. When it goes it keeps its
// counters and histograms, so that no sum ever goes down, and loses its gauges. Past
// kSkillLabelsMax skills, and for names that no catalogue had, the label is "other".
// Owned by the I/O thread; the registry may be read by others.
class SkillMetrics {
 public:
  explicit SkillMetrics(prometheus::Registry& registry);

  void follow(const CatalogueSnapshot& snapshot);
  void scanned(std::uint64_t scans, std::uint64_t failures);
  void replied(const Reply& reply);
  // Those that are not named are closed.
  void observe_breakers(const std::map<std::string, BreakerState>& not_closed, std::uint64_t opened);

 private:
  struct Gauges {
    prometheus::Gauge* stale = nullptr;
    prometheus::Gauge* breaker = nullptr;
  };
  // `run` is there from the start; the others come with the first run that has a usage.
  struct Histograms {
    prometheus::Histogram* run = nullptr;
    prometheus::Histogram* cpu = nullptr;
    prometheus::Histogram* memory = nullptr;
    prometheus::Histogram* in = nullptr;
    prometheus::Histogram* out = nullptr;
  };
  using ByName = std::map<std::string, Histograms, std::less<>>;

  void add_label(const std::string& name);
  void observe_usage(const std::string& name, Histograms& histograms, const Reply::Usage& usage);

  prometheus::Family<prometheus::Counter>& runs_;
  prometheus::Family<prometheus::Histogram>& run_seconds_;
  prometheus::Family<prometheus::Histogram>& cpu_seconds_;
  prometheus::Family<prometheus::Histogram>& memory_bytes_;
  prometheus::Family<prometheus::Histogram>& in_bytes_;
  prometheus::Family<prometheus::Histogram>& out_bytes_;
  prometheus::Family<prometheus::Gauge>& stale_;
  prometheus::Family<prometheus::Gauge>& breaker_;
  prometheus::Gauge& skills_;
  prometheus::Gauge& problems_;
  prometheus::Counter& reloads_;
  prometheus::Counter& reload_failures_;
  prometheus::Counter& breakers_opened_;
  ByName histograms_;
  std::map<std::string, Gauges, std::less<>> gauges_;  // Of the skills in the catalogue.
  std::map<std::string, BreakerState> breakers_seen_;
  std::uint64_t opened_seen_ = 0;
};

}  // namespace skillscale
