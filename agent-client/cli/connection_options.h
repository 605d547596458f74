// The options of every command that talks to a proxy.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "skillscale/agent_client.h"

namespace skillscale::cli {

struct ConnectionOptions {
  std::vector<std::string> proxies;  // "PUBLISH,SUBSCRIBE" each.
  double connect_seconds = 5;
};

void add_connection_options(CLI::App& command, ConnectionOptions& options);

// With flags, environment and defaults applied. Error invalid_config.
Result<agent::ClientOptions> client_options(const ConnectionOptions& options);

// 0.001 s .. 7 days, as CLI11 checks it.
CLI::Validator seconds_range();
std::chrono::milliseconds to_milliseconds(double seconds);

}  // namespace skillscale::cli
