// What the kernel says of this process, as the metrics that every Prometheus dashboard knows.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace skillscale {

// CPU seconds, resident bytes, open descriptors, start time. What /proc does not
// tell is left out. Thread-safe.
std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace skillscale
