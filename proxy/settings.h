// The proxy's settings, from defaults, file, environment and flags.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "daemon/config.h"

namespace skillscale {

struct ProxySettings {
  std::string xsub_bind = "*";  // An address, or a whole endpoint (then the port is not used).
  std::string xpub_bind = "*";
  std::string metrics_bind = "0.0.0.0";
  std::int64_t xsub_port = 5444;  // 0 picks a free one.
  std::int64_t xpub_port = 5555;
  std::int64_t metrics_port = 9100;
  std::vector<std::string> held_topics = {"TOPIC_*"};
  std::chrono::milliseconds hold_max = limits::kHoldTimeMax;
  std::int64_t hold_topic_bytes = limits::kHoldTopicBytesMax;
  std::int64_t hold_bytes = limits::kHoldBytesMax;
  std::int64_t attempts = limits::kAttemptsMax;
  std::chrono::milliseconds drain_timeout = limits::kProxyDrainTimeout;
  std::string ready_file;
  CommonSettings common;

  std::string xsub_endpoint() const;
  std::string xpub_endpoint() const;
};

// Fills `settings`. The result says whether to print something and end (--help, --version).
Result<Config::Finished> load_proxy_settings(int argc, const char* const* argv, ProxySettings& settings);

}  // namespace skillscale
