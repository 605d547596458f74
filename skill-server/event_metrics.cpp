#include "skill-server/event_metrics.h"

namespace skillscale {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

EventMetrics::EventMetrics(prometheus::Registry& registry)
    : lost_(counter(registry, "skillscale_server_events_lost_total",
                    "Events that nobody could be told, or that a proxy did not take")),
      held_(counter(registry, "skillscale_server_event_holds_total",
                    "Times that a skill had to wait because its events could not leave")),
      lines_dropped_(counter(registry, "skillscale_server_event_lines_dropped_total",
                             "Lines of skills on their events descriptor that are no event")) {
  auto& published = prometheus::BuildCounter()
                        .Name("skillscale_server_events_published_total")
                        .Help("Events by kind; one that goes to two agents counts twice")
                        .Register(registry);
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    published_[kind] = &published.Add({{"kind", std::string(name_of(static_cast<EventKind>(kind)))}});
  }
}

}  // namespace skillscale
