// What a skill server counts. Thread-safe, as prometheus-cpp is.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "os/sandbox.h"
#include "protocol/reply.h"
#include "skill-server/runs.h"
#include "skill-server/skill_metrics.h"

namespace skillscale {

class ServerMetrics {
 public:
  // Label values come from the topics and the catalogues alone.
  ServerMetrics(const std::vector<std::string>& topics, std::size_t workers);

  void sandbox(const Sandbox& sandbox);  // Once, at the start.
  void received(const std::string& topic);
  void malformed() { malformed_.Increment(); }
  void replied(const Reply& reply) { skills_.replied(reply); }
  void kill_strategy(std::string_view name);  // Once, at start.
  void guardian_lost() { guardians_lost_.Increment(); }
  void reply_lost() { replies_lost_.Increment(); }
  void catalog_answered() { catalog_answers_.Increment(); }
  void observe(const Runs& runs, std::size_t proxies_joined, std::size_t reply_backlog);
  SkillMetrics& skills() noexcept { return skills_; }

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  prometheus::Counter& counter(const char* name, const char* help);
  prometheus::Gauge& gauge(const char* name, const char* help);

  // Shared with the threads of the HTTP endpoint.
  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  std::map<std::string, prometheus::Counter*> received_;
  SkillMetrics skills_;
  prometheus::Counter& malformed_;
  prometheus::Counter& replies_lost_;
  prometheus::Counter& guardians_lost_;
  prometheus::Gauge& queued_;
  prometheus::Gauge& running_;
  prometheus::Gauge& proxies_;
  prometheus::Gauge& backlog_;
  prometheus::Gauge& cache_bytes_;
  prometheus::Gauge& cache_entries_;
  prometheus::Counter& cache_hits_;
  prometheus::Counter& joined_;
  prometheus::Counter& given_back_;
  prometheus::Counter& dropped_;
  prometheus::Counter& expired_;
  prometheus::Counter& not_granted_;
  prometheus::Counter& limited_;
  prometheus::Counter& refused_;
  prometheus::Counter& catalog_answers_;
  Runs::Counters seen_;
};

}  // namespace skillscale
