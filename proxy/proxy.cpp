#include "proxy/proxy.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bus/sockets.h"
#include "daemon/admin_http.h"
#include "daemon/logging.h"
#include "os/descriptor_limit.h"
#include "os/ready_file.h"
#include "protocol/topic.h"
#include "proxy/switch.h"

namespace skillscale {
namespace {

SwitchSettings switch_settings(const ProxySettings& settings) {
  SwitchSettings result;
  result.xsub_endpoint = settings.xsub_endpoint();
  result.xpub_endpoint = settings.xpub_endpoint();
  result.drain_timeout = settings.drain_timeout;
  result.dispatcher.held_patterns = settings.held_topics;
  result.dispatcher.hold_max = settings.hold_max;
  result.dispatcher.hold_topic_bytes_max = static_cast<std::size_t>(settings.hold_topic_bytes);
  result.dispatcher.hold_bytes_max = static_cast<std::size_t>(settings.hold_bytes);
  result.dispatcher.attempts_max = static_cast<std::uint32_t>(settings.attempts);
  return result;
}

std::map<std::string, AdminHttp::Handler> load_routes(std::shared_ptr<LoadBoard> board) {
  const auto scale = [board](std::string_view topic) -> HttpReply {
    if (!is_topic(topic)) return {400, "application/json", R"({"error":"not a topic: /v1/scale/<topic>"})"};
    return {200, "application/json", scale_json(*board->latest(), topic)};
  };
  const auto topics = [board](std::string_view) -> HttpReply {
    return {200, "application/json", topics_json(*board->latest())};
  };
  return {{"/v1/scale/", scale}, {"/v1/topics", topics}};
}

}  // namespace

Result<void> run_proxy(const ProxySettings& settings, Shutdown& shutdown) {
  raise_descriptor_limit();
  zmq::context_t context = make_context();
  const SystemClock clock;
  const auto board = std::make_shared<LoadBoard>();  // Shared with the HTTP threads.
  auto bound = Switch::bind(switch_settings(settings), context, clock, *board);
  if (!bound) return std::move(bound).error();
  Switch& hub = **bound;

  auto http = AdminHttp::start(
      {settings.metrics_bind, static_cast<std::uint16_t>(settings.metrics_port)}, board, [] { return true; },
      load_routes(board));
  if (!http) return std::move(http).error();

  log::info("proxy is up", {{"xsub", hub.xsub_endpoint()}, {"xpub", hub.xpub_endpoint()}, {"http_port", http->port()}});
  if (!settings.ready_file.empty()) {
    const nlohmann::json endpoints = {{"xsub", hub.xsub_endpoint()},
                                      {"xpub", hub.xpub_endpoint()},
                                      {"http", "http://127.0.0.1:" + std::to_string(http->port())}};
    if (auto written = write_ready_file(settings.ready_file, endpoints.dump()); !written) return written;
  }
  hub.run(shutdown);
  log::info("proxy has stopped");
  return {};
}

}  // namespace skillscale
