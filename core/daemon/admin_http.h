// The HTTP port of a daemon: /metrics, /healthz, /readyz, and routes of its own.
#pragma once

#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace skillscale {

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// Answers on CivetWeb's own threads: handlers must be thread-safe and fast.
class AdminHttp {
 public:
  // Given what follows the route's prefix in the path (already percent-decoded).
  using Handler = std::function<HttpReply(std::string_view rest)>;

  struct Settings {
    std::string bind = "0.0.0.0";
    std::uint16_t port = 0;  // 0 picks a free one.
  };

  // GET and HEAD only (others: 405). /metrics: Prometheus text format 0.0.4 of
  // `registry` and process metrics (CPU seconds, resident bytes, open descriptors, start time);
  // /healthz: 200 while the process lives; /readyz: 200 or 503 by `ready`.
  // Error io_error names the address when it cannot be bound.
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
