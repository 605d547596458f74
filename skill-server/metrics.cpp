#include "skill-server/metrics.h"

namespace skillscale {
namespace {

void add(prometheus::Counter& counter, std::uint64_t now, std::uint64_t before) {
  if (now > before) counter.Increment(static_cast<double>(now - before));
}

}  // namespace

ServerMetrics::ServerMetrics(const std::vector<std::string>& topics, std::size_t workers)
    : skills_(*registry_),
      malformed_(counter("skillscale_server_malformed_total", "Messages that are not what the protocol says")),
      replies_lost_(counter("skillscale_server_replies_lost_total", "Replies dropped because a proxy took none")),
      guardians_lost_(counter("skillscale_server_guardians_lost_total",
                              "Guardian processes that ended: runs are not killed when the server is")),
      queued_(gauge("skillscale_server_queued", "Intents that have not started")),
      running_(gauge("skillscale_server_running", "Skills that run now")),
      proxies_(gauge("skillscale_server_proxies_joined", "Proxies that this server has joined")),
      backlog_(gauge("skillscale_server_reply_backlog", "Replies that wait for room in the queue to a proxy")),
      cache_bytes_(gauge("skillscale_server_reply_cache_bytes", "Bytes of stored replies")),
      cache_entries_(gauge("skillscale_server_reply_cache_entries", "Stored replies")),
      cache_hits_(counter("skillscale_server_reply_cache_hits_total", "Repeats answered from the stored replies")),
      joined_(counter("skillscale_server_joined_total", "Repeats that joined a run in progress")),
      given_back_(counter("skillscale_server_given_back_total", "Intents given back before they started")),
      dropped_(counter("skillscale_server_dropped_total", "Intents dropped with the connection they came from")),
      expired_(counter("skillscale_server_expired_total", "Intents whose deadline passed before they started")),
      not_granted_(counter("skillscale_server_not_granted_total", "Starts that no proxy granted in time")),
      limited_(counter("skillscale_server_limited_total", "Intents that had to wait for another run of their skill")),
      refused_(counter("skillscale_server_breaker_refused_total",
                       "Intents answered at once because the circuit breaker of their skill is open")),
      catalog_answers_(counter("skillscale_server_catalog_requests_total", "Questions about the catalogue answered")) {
  auto& received = prometheus::BuildCounter()
                       .Name("skillscale_server_intents_received_total")
                       .Help("Intents received by topic")
                       .Register(*registry_);
  for (const std::string& topic : topics) received_[topic] = &received.Add({{"topic", topic}});
  gauge("skillscale_server_workers", "Skills that can run at once").Set(static_cast<double>(workers));
}

prometheus::Counter& ServerMetrics::counter(const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add({});
}

prometheus::Gauge& ServerMetrics::gauge(const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add({});
}

void ServerMetrics::kill_strategy(std::string_view name) {
  prometheus::BuildGauge()
      .Name("skillscale_kill_strategy")
      .Help("1 for the way in which runs are killed as a whole")
      .Register(*registry_)
      .Add({{"strategy", std::string(name)}})
      .Set(1);
}

void ServerMetrics::sandbox(const Sandbox& sandbox) {
  const SandboxFeatures& has = sandbox.features();
  auto& features = prometheus::BuildGauge()
                       .Name("skillscale_sandbox_feature")
                       .Help("1 where the machine has what the sandbox profiles need")
                       .Register(*registry_);
  features.Add({{"feature", "seccomp"}}).Set(has.seccomp ? 1 : 0);
  features.Add({{"feature", "landlock"}}).Set(has.landlock_abi > 0 ? 1 : 0);
  features.Add({{"feature", "bubblewrap"}}).Set(has.bwrap.empty() ? 0 : 1);
  features.Add({{"feature", "namespaces"}}).Set(has.namespaces ? 1 : 0);
  gauge("skillscale_sandbox_landlock_abi", "Version of the kernel's Landlock; 0: none").Set(has.landlock_abi);
  auto& profiles = prometheus::BuildGauge()
                       .Name("skillscale_sandbox_profile")
                       .Help("1 where a sandbox profile can be had in full")
                       .Register(*registry_);
  for (const auto profile : {SandboxProfile::none, SandboxProfile::standard, SandboxProfile::strict}) {
    profiles.Add({{"profile", std::string(name_of(profile))}}).Set(sandbox.missing(profile).empty() ? 1 : 0);
  }
}

void ServerMetrics::received(const std::string& topic) {
  if (const auto found = received_.find(topic); found != received_.end()) found->second->Increment();
}

void ServerMetrics::observe(const Runs& runs, std::size_t proxies_joined, std::size_t reply_backlog) {
  queued_.Set(static_cast<double>(runs.waiting()));
  running_.Set(static_cast<double>(runs.running()));
  proxies_.Set(static_cast<double>(proxies_joined));
  backlog_.Set(static_cast<double>(reply_backlog));
  cache_bytes_.Set(static_cast<double>(runs.cache().bytes()));
  cache_entries_.Set(static_cast<double>(runs.cache().entries()));
  const Runs::Counters& now = runs.counters();
  add(cache_hits_, now.from_cache, seen_.from_cache);
  add(joined_, now.joined, seen_.joined);
  add(given_back_, now.given_back, seen_.given_back);
  add(dropped_, now.dropped, seen_.dropped);
  add(expired_, now.expired, seen_.expired);
  add(not_granted_, now.not_granted, seen_.not_granted);
  add(limited_, now.limited, seen_.limited);
  add(refused_, now.refused, seen_.refused);
  seen_ = now;
}

}  // namespace skillscale
