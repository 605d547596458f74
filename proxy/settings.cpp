#include "proxy/settings.h"

#include <cctype>

#include "bus/sockets.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

constexpr char kDescription[] =
    "Routes each intent to exactly one skill server that serves its topic and has room, holds it while there is none, "
    "and passes the replies back to the agents. Keeps nothing on disk.";

constexpr char kFooter[] =
    R"(Ports: agents and skill servers publish to the XSUB port and subscribe to the XPUB port. The HTTP port serves
  /metrics (Prometheus), /healthz, /readyz, /v1/topics and /v1/scale/TOPIC (for autoscalers).

Signals: SIGTERM and SIGINT refuse what is not started with the code "draining", wait for runs in progress
  (--drain-timeout) and end. A second signal ends at once.

Examples:
  skillscale_proxy
  skillscale_proxy --xsub-bind 127.0.0.1 --xpub-bind 127.0.0.1 --metrics-bind 127.0.0.1
  skillscale_proxy --xsub-port 6444 --xpub-port 6555 --metrics-port 0
  skillscale_proxy --config /etc/skillscale/proxy.yaml --log-format json
  SKILLSCALE_XSUB_PORT=6444 skillscale_proxy --held-topics 'TOPIC_*,jobs.*'

Exit status: 0 ended by a signal, 1 cannot start (a port is taken, for example), 2 a setting is wrong.)";

std::string endpoint_of(const std::string& bind, std::int64_t port) {
  if (bind.find("://") != std::string::npos) return bind;
  const bool bare_ipv6 = bind.find(':') != std::string::npos && bind.front() != '[';
  return "tcp://" + (bare_ipv6 ? '[' + bind + ']' : bind) + ':' + (port == 0 ? "*" : std::to_string(port));
}

Result<void> check_bind(std::string_view text) {
  if (text.empty()) return Error{ErrorCode::invalid_config, "an address such as 127.0.0.1 or *, or a whole endpoint"};
  return check_endpoint(endpoint_of(std::string(text), 1));
}

Result<void> check_pattern(std::string_view text) {
  std::string name(text);
  for (char& c : name) c = c == '*' ? 'x' : c;
  if (is_topic(name)) return {};
  return Error{ErrorCode::invalid_config, "a topic in which * stands for any characters, such as TOPIC_*"};
}

}  // namespace

std::string ProxySettings::xsub_endpoint() const { return endpoint_of(xsub_bind, xsub_port); }
std::string ProxySettings::xpub_endpoint() const { return endpoint_of(xpub_bind, xpub_port); }

Result<Config::Finished> load_proxy_settings(int argc, const char* const* argv, ProxySettings& settings) {
  constexpr std::int64_t kPortMax = 65535;
  constexpr std::int64_t kHoldBytesMost = std::int64_t{1} << 40;
  Config config("skillscale_proxy", kDescription);
  config.add_integer("xsub-port", "SKILLSCALE_XSUB_PORT", settings.xsub_port, 0, kPortMax,
                     "Port that agents and skill servers publish to; 0 picks a free one");
  config.add_integer("xpub-port", "SKILLSCALE_XPUB_PORT", settings.xpub_port, 0, kPortMax,
                     "Port that agents and skill servers subscribe to; 0 picks a free one");
  config.add_integer("metrics-port", "SKILLSCALE_METRICS_PORT", settings.metrics_port, 0, kPortMax,
                     "Port of metrics, health and load over HTTP; 0 picks a free one");
  config.add_text("xsub-bind", "SKILLSCALE_XSUB_BIND", settings.xsub_bind,
                  "Address of the XSUB port (* is all), or a whole endpoint such as ipc:///run/skillscale/xsub",
                  check_bind);
  config.add_text("xpub-bind", "SKILLSCALE_XPUB_BIND", settings.xpub_bind, "The same for the XPUB port", check_bind);
  config.add_text("metrics-bind", "SKILLSCALE_METRICS_BIND", settings.metrics_bind, "Address of the HTTP port");
  config.add_list("held-topics", "SKILLSCALE_HELD_TOPICS", settings.held_topics,
                  "Topics whose intents wait although no skill server has joined yet; * stands for any characters",
                  check_pattern);
  config.add_milliseconds("hold-max-ms", "SKILLSCALE_HOLD_MAX_MS", settings.hold_max, std::chrono::milliseconds(1),
                          limits::kTimeoutMax, "The longest that an intent waits for room");
  config.add_integer("hold-topic-bytes", "SKILLSCALE_HOLD_TOPIC_BYTES", settings.hold_topic_bytes, 1, kHoldBytesMost,
                     "Bytes that may wait for one topic");
  config.add_integer("hold-bytes", "SKILLSCALE_HOLD_BYTES", settings.hold_bytes, 1, kHoldBytesMost,
                     "Bytes that may wait in all");
  config.add_integer("attempts", "SKILLSCALE_ATTEMPTS", settings.attempts, 1, 100,
                     "How often an idempotent intent is executed when its skill servers are lost");
  config.add_milliseconds("drain-timeout", "SKILLSCALE_DRAIN_TIMEOUT", settings.drain_timeout,
                          std::chrono::milliseconds(0), limits::kTimeoutMax,
                          "How long a stopping proxy waits for runs in progress");
  config.add_text("ready-file", "SKILLSCALE_READY_FILE", settings.ready_file,
                  "Once bound, write the endpoints to this file as JSON");
  add_common_settings(config, settings.common);
  config.set_footer(kFooter);
  return config.load(argc, argv);
}

}  // namespace skillscale
