#include "engine/warm_metrics.h"

#include <string>

namespace skillscale {

WarmMetrics::WarmMetrics(prometheus::Registry& registry, const WarmCounters& counters) {
  const auto family = [&](const char* name, const char* help) -> prometheus::Family<prometheus::Counter>& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  };
  const auto add = [&](prometheus::Family<prometheus::Counter>& lines, const prometheus::Labels& labels,
                       const std::atomic<std::uint64_t>& value) {
    lines_.push_back({.value = value, .counter = lines.Add(labels)});
  };
  auto& runs =
      family("skillscale_runner_runs_total", "Programs started, or functions called in one that stays, by runner");
  for (const Runner runner : {Runner::cold, Runner::zygote, Runner::worker}) {
    add(runs, {{"runner", std::string(name_of(runner))}}, counters.runs[static_cast<std::size_t>(runner)]);
  }
  auto& recycles = family("skillscale_zygote_recycles_total", "Waiting interpreters that were replaced, by reason");
  for (std::size_t reason = 0; reason < kRecycleReasons; ++reason) {
    add(recycles, {{"reason", std::string(name_of(static_cast<RecycleReason>(reason)))}},
        counters.zygote_recycled[reason]);
  }
  add(family("skillscale_zygote_starts_total", "Waiting interpreters started"), {}, counters.zygote_starts);
  add(family("skillscale_zygote_fallbacks_total",
             "Runs that started cold because no waiting interpreter was to be had"),
      {}, counters.zygote_fallbacks);
  auto& ends = family("skillscale_worker_ends_total", "Interpreters that stay which were ended, by reason");
  for (std::size_t end = 0; end < kWorkerEnds; ++end) {
    add(ends, {{"reason", std::string(name_of(static_cast<WorkerEnd>(end)))}}, counters.workers_ended[end]);
  }
  add(family("skillscale_worker_starts_total", "Interpreters that stay, started"), {}, counters.worker_starts);
  add(family("skillscale_worker_fallbacks_total", "Calls that became runs because no interpreter was to be had"), {},
      counters.worker_fallbacks);
}

void WarmMetrics::observe() {
  for (Line& line : lines_) {
    const std::uint64_t now = line.value.load(std::memory_order_relaxed);
    if (now > line.seen) line.counter.Increment(static_cast<double>(now - line.seen));
    line.seen = now;
  }
}

}  // namespace skillscale
