#include "daemon/process_metrics.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace skillscale {
namespace {

struct ProcessStat {
  double cpu_seconds = 0;
  double started_after_boot_seconds = 0;
  double resident_bytes = 0;
};

// proc(5): the program's name is in parentheses and may hold anything; the fields
// after it are counted from the third, the state.
std::optional<ProcessStat> read_process_stat() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  const std::vector<std::string> values{std::istream_iterator<std::string>(fields), {}};
  constexpr std::size_t kFirst = 3;
  constexpr std::size_t kUserTicks = 14, kSystemTicks = 15, kStartTicks = 22, kResidentPages = 24;
  if (values.size() <= kResidentPages - kFirst) return std::nullopt;
  const auto number = [&](std::size_t field) { return std::strtod(values[field - kFirst].c_str(), nullptr); };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  return ProcessStat{.cpu_seconds = (number(kUserTicks) + number(kSystemTicks)) / ticks,
                     .started_after_boot_seconds = number(kStartTicks) / ticks,
                     .resident_bytes = number(kResidentPages) * page_bytes};
}

std::optional<double> read_boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view kKey = "btime ";
    if (line.starts_with(kKey)) return std::strtod(line.c_str() + kKey.size(), nullptr);
  }
  return std::nullopt;
}

std::optional<double> count_open_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  // The listing itself is one of them.
  return static_cast<double>(std::max<std::ptrdiff_t>(std::distance(begin(entries), end(entries)) - 1, 0));
}

prometheus::MetricFamily family(std::string name, std::string help, prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {.name = std::move(name), .help = std::move(help), .type = type, .metric = {std::move(metric)}};
}

}  // namespace

std::vector<prometheus::MetricFamily> process_metrics() {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;
  const auto stat = read_process_stat();
  if (stat) {
    families.push_back(family("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
                              MetricType::Counter, stat->cpu_seconds));
    families.push_back(family("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge,
                              stat->resident_bytes));
  }
  if (const auto descriptors = count_open_descriptors()) {
    families.push_back(family("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, *descriptors));
  }
  if (const auto boot = read_boot_time(); boot && stat) {
    families.push_back(family("process_start_time_seconds",
                              "Start time of the process since the Unix epoch in seconds.", MetricType::Gauge,
                              *boot + stat->started_after_boot_seconds));
  }
  return families;
}

}  // namespace skillscale
