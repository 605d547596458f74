#include "daemon/admin_http.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <netinet/in.h>
#include <prometheus/text_serializer.h>
#include <pthread.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/logging.h"
#include "daemon/process_metrics.h"
#include "os/fd.h"

namespace skillscale {
namespace {

constexpr std::chrono::milliseconds kKnockInterval{10};

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

HttpReply json_reply(int status, const nlohmann::json& body) {
  return {.status = status,
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

// A peer that has gone is no error: nobody is left to be told.
void send_reply(mg_connection* connection, const HttpReply& reply, bool with_body) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " " + std::string(reason_of(reply.status)) + "\r\n";
  text += "Content-Type: " + reply.content_type + "\r\n";
  text += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  if (reply.status == 405) text += "Allow: GET, HEAD\r\n";
  text += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  if (with_body) text += reply.body;
  mg_write(connection, text.data(), text.size());
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text;  // "127.0.0.1:9100", "[::1]:9100": as CivetWeb and people write it.
};

std::optional<Address> to_address(const std::string& bind, std::uint16_t port_number) {
  Address address;
  const std::string host = bind == "*" ? "0.0.0.0" : bind;
  const std::string port = ":" + std::to_string(port_number);
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_number);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
    address.text = host + port;
    return address;
  }
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port_number);
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
    address.text = "[" + host + "]" + port;
    return address;
  }
  return std::nullopt;
}

// CivetWeb does not say why it could not listen; trying once more does.
Error listen_error(const Address& address) {
  const std::string doing = "listen on " + address.text;
  const Fd listener(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!listener || ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      ::listen(listener.get(), 1) != 0) {
    return Error::from_errno(ErrorCode::io_error, doing);
  }
  return {ErrorCode::io_error, "cannot " + doing + ": the HTTP server did not start"};
}

}  // namespace

struct AdminHttp::Impl {
  std::shared_ptr<prometheus::Collectable> metrics;  // Shared with the program, which fills it.
  std::function<bool()> ready;
  std::map<std::string, Handler> routes;
  Address address;
  mg_context* context = nullptr;
  std::uint16_t port = 0;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (context == nullptr) return;
    const std::jthread knocking([this](const std::stop_token& stopped) { knock_until(stopped); });
    mg_stop(context);
  }

  // CivetWeb looks whether it is to stop when a connection comes, or else every two seconds.
  void knock_until(const std::stop_token& stopped) const {
    ::pthread_setname_np(::pthread_self(), "admin-stop");
    std::mutex mutex;
    std::condition_variable_any nothing;
    std::unique_lock lock(mutex);
    while (!stopped.stop_requested()) {
      const Fd door(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      // Whether it is opened does not matter, and it never is once the server has stopped.
      static_cast<void>(::connect(door.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size));
      nothing.wait_for(lock, stopped, kKnockInterval, [] { return false; });
    }
  }

  HttpReply metrics_page() const {
    std::vector<prometheus::MetricFamily> families;
    if (metrics) families = metrics->Collect();
    for (prometheus::MetricFamily& family : process_metrics()) families.push_back(std::move(family));
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, families);
    return {.status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(text).str()};
  }

  const std::pair<const std::string, Handler>* find_route(std::string_view path) const {
    const std::pair<const std::string, Handler>* longest = nullptr;
    for (const auto& route : routes) {
      const bool matches = route.first.ends_with('/') ? path.starts_with(route.first) : path == route.first;
      if (matches && (longest == nullptr || route.first.size() > longest->first.size())) longest = &route;
    }
    return longest;
  }

  HttpReply not_found() const {
    std::vector<std::string> paths = {"/healthz", "/metrics", "/readyz"};
    for (const auto& [path, handler] : routes) paths.push_back(path);
    return json_reply(404, {{"error", "not_found"}, {"paths", paths}});
  }

  HttpReply answer(std::string_view method, std::string_view path) const {
    if (method != "GET" && method != "HEAD") {
      return json_reply(405, {{"error", "method_not_allowed"}, {"allowed", {"GET", "HEAD"}}});
    }
    if (path == "/healthz") return json_reply(200, {{"status", "ok"}});
    if (path == "/readyz") {
      return ready() ? json_reply(200, {{"status", "ready"}}) : json_reply(503, {{"status", "not_ready"}});
    }
    if (path == "/metrics") return metrics_page();
    const auto* route = find_route(path);
    return route == nullptr ? not_found() : route->second(path.substr(route->first.size()));
  }

  // CivetWeb is C: no exception may leave these.
  static int on_request(mg_connection* connection) noexcept;
  static int on_http_error(mg_connection* connection, int status, const char* message) noexcept;
  static int on_message(const mg_connection* connection, const char* message) noexcept;
  static void* on_thread(const mg_context*, int) noexcept {
    ::pthread_setname_np(::pthread_self(), "admin-http");
    return nullptr;
  }
};

int AdminHttp::Impl::on_request(mg_connection* connection) noexcept try {
  const mg_request_info* request = mg_get_request_info(connection);
  const Impl& impl = *static_cast<const Impl*>(request->user_data);
  const std::string_view method = request->request_method;
  const std::string_view path = request->local_uri == nullptr ? "" : request->local_uri;
  HttpReply reply;
  try {
    reply = impl.answer(method, path);
  } catch (const std::exception& error) {
    log::error("admin request failed", {{"path", path}, {"error", error.what()}});
    reply = json_reply(500, {{"error", "internal"}});
  }
  send_reply(connection, reply, method != "HEAD");
  return reply.status;
} catch (...) {
  return 500;  // Out of memory: the connection is closed without an answer.
}

int AdminHttp::Impl::on_http_error(mg_connection* connection, int status, const char* message) noexcept try {
  send_reply(connection, json_reply(status, {{"error", message == nullptr ? "" : message}}), true);
  return 0;
} catch (...) {
  return 0;
}

int AdminHttp::Impl::on_message(const mg_connection*, const char* message) noexcept try {
  log::debug("admin http", {{"detail", message}});
  return 1;
} catch (...) {
  return 1;
}

Result<AdminHttp> AdminHttp::start(const Settings& settings, std::shared_ptr<prometheus::Collectable> metrics,
                                   std::function<bool()> ready, std::map<std::string, Handler> routes) {
  const auto address = to_address(settings.bind, settings.port);
  if (!address) {
    return Error{ErrorCode::invalid_config,
                 "bind address \"" + settings.bind + "\" is not allowed: an IPv4 or IPv6 address, or *"};
  }
  static const unsigned library = mg_init_library(0);
  static_cast<void>(library);

  auto impl = std::make_unique<Impl>();
  impl->metrics = std::move(metrics);
  impl->ready = std::move(ready);
  impl->routes = std::move(routes);

  mg_callbacks callbacks{};
  callbacks.begin_request = &Impl::on_request;
  callbacks.http_error = &Impl::on_http_error;
  callbacks.log_message = &Impl::on_message;
  // No log_access: with it, CivetWeb calls localtime, which threads must not share.
  callbacks.init_thread = &Impl::on_thread;

  const std::string threads = std::to_string(limits::kAdminThreads);
  const std::string timeout = std::to_string(settings.request_timeout.count());
  const std::string request_bytes = std::to_string(limits::kAdminRequestBytesMax);
  const std::string waiting = std::to_string(limits::kAdminConnectionsWaitingMax);
  // No keep-alive: an idle scraper must not hold one of the few threads.
  std::vector<const char*> options = {"listening_ports",
                                      address->text.c_str(),
                                      "num_threads",
                                      threads.c_str(),
                                      "request_timeout_ms",
                                      timeout.c_str(),
                                      "max_request_size",
                                      request_bytes.c_str(),
                                      "connection_queue",
                                      waiting.c_str(),
                                      "enable_keep_alive",
                                      "no",
                                      "access_control_allow_origin",
                                      "",
                                      nullptr};
  impl->context = mg_start(&callbacks, impl.get(), options.data());
  if (impl->context == nullptr) return listen_error(*address);
  mg_server_port bound{};
  if (mg_get_server_ports(impl->context, 1, &bound) == 1) impl->port = static_cast<std::uint16_t>(bound.port);
  impl->address = *to_address(settings.bind, impl->port);
  return AdminHttp(std::move(impl));
}

AdminHttp::AdminHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminHttp::AdminHttp(AdminHttp&&) noexcept = default;
AdminHttp& AdminHttp::operator=(AdminHttp&&) noexcept = default;
AdminHttp::~AdminHttp() = default;

std::uint16_t AdminHttp::port() const noexcept { return impl_->port; }

}  // namespace skillscale
