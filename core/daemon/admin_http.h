// The HTTP port of a daemon: /metrics, /healthz, /readyz, and routes of its own.
#pragma once

#include <prometheus/registry.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace skillscale {

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// Answers on kAdminThreads threads of CivetWeb, named "admin-http": `metrics`, `ready` and handlers
// must be thread-safe and fast. One request per connection, bounded in bytes and time. A handler that throws is a 500.
class AdminHttp {
 public:
  // Given what follows the route in the path (already percent-decoded).
  using Handler = std::function<HttpReply(std::string_view rest)>;

  struct Settings {
    std::string bind = "0.0.0.0";  // An IPv4 or IPv6 address; `*` is every IPv4 address.
    std::uint16_t port = 0;        // 0 picks a free one.
    std::chrono::milliseconds request_timeout = limits::kAdminRequestTimeout;
  };

  // Serves GET and HEAD (others: 405). A route that ends in `/` takes every path below it, the longest
  // first; any other takes exactly its path. Unknown paths: 404 with the list of routes. /metrics: Prometheus text
  // format 0.0.4 of `metrics` (may be null) and process metrics (CPU seconds, resident bytes, open descriptors, start
  // time); /healthz: 200 while the process lives; /readyz: 200 or 503 by `ready`. Error invalid_config for a `bind`
  // that is no address; io_error names the address when it cannot be bound.
  static Result<AdminHttp> start(const Settings& settings, std::shared_ptr<prometheus::Collectable> metrics,
                                 std::function<bool()> ready, std::map<std::string, Handler> routes = {});

  AdminHttp(AdminHttp&&) noexcept;
  AdminHttp& operator=(AdminHttp&&) noexcept;
  ~AdminHttp();  // Stops answering; waits for requests in progress.

  std::uint16_t port() const noexcept;

 private:
  struct Impl;
  explicit AdminHttp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace skillscale
