#include "skill-server/skill_metrics.h"

#include <iterator>

#include "base/limits.h"

namespace skillscale {
namespace {

constexpr const char* kOther = "other";
using Buckets = prometheus::Histogram::BucketBoundaries;

// From a shell script to a long computation.
const Buckets& second_buckets() {
  static const Buckets buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
  return buckets;
}

// Powers of four: from 1 MiB, a shell, to 16 GiB.
const Buckets& memory_buckets() {
  static const Buckets buckets{1048576, 4194304, 16777216, 67108864, 268435456, 1073741824, 4294967296, 17179869184};
  return buckets;
}

// From nothing but a name to the largest message, 16 MiB.
const Buckets& byte_buckets() {
  static const Buckets buckets{64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216};
  return buckets;
}

auto& family(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Gauge>& gauges(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

// Codes that this version does not know share one label.
std::string code_label(const Reply& reply) {
  if (reply.success) return "success";
  return error_code_from_name(reply.code) ? reply.code : kOther;
}

double number_of(BreakerState state) {
  switch (state) {
    case BreakerState::closed:
      return 0;
    case BreakerState::half_open:
      return 1;
    case BreakerState::open:
      break;
  }
  return 2;
}

}  // namespace

SkillMetrics::SkillMetrics(prometheus::Registry& registry)
    : runs_(prometheus::BuildCounter()
                .Name("skillscale_server_runs_total")
                .Help("Final replies by skill and code")
                .Register(registry)),
      run_seconds_(
          family(registry, "skillscale_server_run_seconds", "Time from the start of a skill's process to its end")),
      cpu_seconds_(family(registry, "skillscale_server_run_cpu_seconds", "Processor time of a run and its children")),
      memory_bytes_(
          family(registry, "skillscale_server_run_memory_bytes", "Largest resident memory of a process of a run")),
      in_bytes_(family(registry, "skillscale_server_run_in_bytes", "Standard input, files and input of a run")),
      out_bytes_(
          family(registry, "skillscale_server_run_out_bytes", "Output, artifacts and results of a run before any cap")),
      stale_(gauges(registry, "skillscale_skill_stale", "1: the skill is broken, and the version before is served")),
      breaker_(gauges(registry, "skillscale_skill_breaker_state", "Circuit breaker: 0 closed, 1 half-open, 2 open")),
      skills_(gauges(registry, "skillscale_server_skills", "Skills in the catalogue").Add({})),
      problems_(gauges(registry, "skillscale_server_skill_problems", "Problems found in the skills").Add({})),
      reloads_(counter(registry, "skillscale_server_catalogue_reloads_total", "Scans of the skills after the first")),
      reload_failures_(counter(registry, "skillscale_server_catalogue_reload_failures_total",
                               "Scans for which the skills directory could not be read")),
      breakers_opened_(
          counter(registry, "skillscale_server_breakers_opened_total", "How often a circuit breaker has opened")) {
  add_label(kOther);
}

void SkillMetrics::add_label(const std::string& name) {
  if (histograms_.contains(name) || histograms_.size() > limits::kSkillLabelsMax) return;
  histograms_[name].run = &run_seconds_.Add({{"skill", name}}, second_buckets());
}

void SkillMetrics::follow(const CatalogueSnapshot& snapshot) {
  for (const std::string& name : snapshot.catalogue.names()) {
    add_label(name);
    Gauges& gauges = gauges_[name];
    if (gauges.stale == nullptr) gauges = {&stale_.Add({{"skill", name}}), &breaker_.Add({{"skill", name}})};
    gauges.stale->Set(snapshot.stale.contains(name) ? 1 : 0);
  }
  for (auto entry = gauges_.begin(); entry != gauges_.end();) {
    const auto next = std::next(entry);
    if (!snapshot.catalogue.find(entry->first)) {
      stale_.Remove(entry->second.stale);
      breaker_.Remove(entry->second.breaker);
      gauges_.erase(entry);
    }
    entry = next;
  }
  breakers_seen_.clear();  // Gauges may be new: the next look sets them all.
  skills_.Set(static_cast<double>(snapshot.catalogue.all().size()));
  problems_.Set(static_cast<double>(snapshot.problems.size()));
}

void SkillMetrics::scanned(std::uint64_t scans, std::uint64_t failures) {
  reloads_.Increment(static_cast<double>(scans));
  reload_failures_.Increment(static_cast<double>(failures));
}

void SkillMetrics::replied(const Reply& reply) {
  auto found = histograms_.find(reply.skill);
  if (found == histograms_.end()) found = histograms_.find(kOther);
  runs_.Add({{"skill", found->first}, {"code", code_label(reply)}}).Increment();
  if (reply.timing_ms.run) found->second.run->Observe(*reply.timing_ms.run / 1000);
  if (reply.usage) observe_usage(found->first, found->second, *reply.usage);
}

void SkillMetrics::observe_usage(const std::string& name, Histograms& histograms, const Reply::Usage& usage) {
  if (histograms.cpu == nullptr) {
    const prometheus::Labels label{{"skill", name}};
    histograms.cpu = &cpu_seconds_.Add(label, second_buckets());
    histograms.memory = &memory_bytes_.Add(label, memory_buckets());
    histograms.in = &in_bytes_.Add(label, byte_buckets());
    histograms.out = &out_bytes_.Add(label, byte_buckets());
  }
  histograms.cpu->Observe(usage.cpu_ms / 1000);
  histograms.memory->Observe(static_cast<double>(usage.max_rss_kb) * static_cast<double>(limits::kKiB));
  histograms.in->Observe(static_cast<double>(usage.bytes_in));
  histograms.out->Observe(static_cast<double>(usage.bytes_out));
}

void SkillMetrics::observe_breakers(const std::map<std::string, BreakerState>& not_closed, std::uint64_t opened) {
  breakers_opened_.Increment(static_cast<double>(opened - opened_seen_));
  opened_seen_ = opened;
  if (not_closed == breakers_seen_) return;
  breakers_seen_ = not_closed;
  for (const auto& [name, gauges] : gauges_) {
    const auto found = not_closed.find(name);
    gauges.breaker->Set(found == not_closed.end() ? 0 : number_of(found->second));
  }
}

}  // namespace skillscale
