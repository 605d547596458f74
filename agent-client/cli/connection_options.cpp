#include "connection_options.h"

#include <cmath>

#include "agent-client/command_text.h"
#include "base/limits.h"
#include "console.h"

namespace skillscale::cli {

void add_connection_options(CLI::App& command, ConnectionOptions& options) {
  command
      .add_option(
          "--proxy", options.proxies,
          "A proxy, as PUBLISH,SUBSCRIBE (tcp://127.0.0.1:5444,tcp://127.0.0.1:5555). Give several to fail over "
          "from one to the next. Also from SKILLSCALE_PROXY_XSUB and SKILLSCALE_PROXY_XPUB, comma lists")
      ->type_name("PUBLISH,SUBSCRIBE")
      ->expected(1)
      ->take_all();
  command.add_option("--connect-timeout", options.connect_seconds, "Seconds to wait for a proxy (5)")
      ->type_name("SECONDS")
      ->check(seconds_range());
}

Result<agent::ClientOptions> client_options(const ConnectionOptions& options) {
  auto proxies = agent::choose_proxies(options.proxies, environment("SKILLSCALE_PROXY_XSUB"),
                                       environment("SKILLSCALE_PROXY_XPUB"));
  if (!proxies) return proxies.error();
  agent::ClientOptions result;
  result.proxies = std::move(*proxies);
  result.connect_timeout = to_milliseconds(options.connect_seconds);
  return result;
}

CLI::Validator seconds_range() {
  const double most = std::chrono::duration<double>(limits::kTimeoutMax).count();
  return CLI::Range(0.001, most);
}

std::chrono::milliseconds to_milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

}  // namespace skillscale::cli
