#include "http_get.h"

#include <civetweb.h>

#include <array>
#include <charconv>
#include <memory>
#include <string_view>

#include "base/limits.h"

namespace skillscale::cli {
namespace {

struct Address {
  std::string host;
  int port = 80;
};

Result<Address> parse_address(const std::string& base) {
  constexpr std::string_view kScheme = "http://";
  const auto wrong = [&] {
    return Error{ErrorCode::invalid_config, "\"" + base + "\" is not an address; for example http://127.0.0.1:9100"};
  };
  std::string_view rest = base;
  if (!rest.starts_with(kScheme)) return wrong();
  rest.remove_prefix(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  Address address;
  const std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos) {
    const std::string_view port = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size()) return wrong();
    if (address.port < 1 || address.port > 65535) return wrong();
    rest = rest.substr(0, colon);
  }
  address.host = rest;
  if (rest.empty() || rest.find_first_of("/?#@ \r\n") != std::string_view::npos) return wrong();
  return address;
}

struct CloseConnection {
  void operator()(mg_connection* connection) const noexcept { mg_close_connection(connection); }
};
using Connection = std::unique_ptr<mg_connection, CloseConnection>;

Result<std::string> read_body(mg_connection& connection, const std::string& url) {
  std::string body;
  std::array<char, 16 * limits::kKiB> chunk{};
  while (true) {
    const int got = mg_read(&connection, chunk.data(), chunk.size());
    if (got < 0) return Error{ErrorCode::io_error, "the answer of " + url + " was cut off"};
    if (got == 0) return body;
    body.append(chunk.data(), static_cast<std::size_t>(got));
    if (body.size() > limits::kHttpAnswerBytesMax) {
      return Error{ErrorCode::io_error, "the answer of " + url + " is too large"};
    }
  }
}

}  // namespace

Result<std::string> http_get(const std::string& base, const std::string& path) {
  const auto address = parse_address(base);
  if (!address) return address.error();
  const std::string& host = address.value().host;
  const int port = address.value().port;
  const std::string url = "http://" + host + ":" + std::to_string(port) + path;

  std::array<char, 256> reason{};
  const auto unreachable = [&] {
    return Error{ErrorCode::unreachable,
                 "cannot get " + url + ": " + reason.data() + "; is the proxy running, and is --admin its HTTP port?"};
  };
  const Connection connection(mg_connect_client(host.c_str(), port, 0, reason.data(), reason.size()));
  if (!connection) return unreachable();
  mg_printf(connection.get(), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path.c_str(), host.c_str());
  const int timeout = static_cast<int>(limits::kHttpTimeout.count());
  if (mg_get_response(connection.get(), reason.data(), reason.size(), timeout) < 0) return unreachable();
  const mg_response_info* info = mg_get_response_info(connection.get());
  if (info == nullptr || info->status_code != 200) {
    const std::string status = info == nullptr ? "nothing" : "status " + std::to_string(info->status_code);
    return Error{ErrorCode::io_error, url + " answered " + status + "; is --admin a proxy's HTTP port?"};
  }
  return read_body(*connection, url);
}

}  // namespace skillscale::cli
