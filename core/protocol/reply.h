// A final reply: how one intent ended (docs/protocol.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"

namespace skillscale {

struct Reply {
  std::string request_id;
  bool success = false;  // `status` on the wire: "success" or "error".
  std::string content;   // Valid UTF-8 once encoded: malformed bytes become U+FFFD.
  std::string error;     // Empty on success.
  std::string code;      // A name of ErrorCode; empty on success. Kept as text: newer peers may add codes.
  double timestamp = 0;  // Seconds since the epoch.

  std::string skill;
  std::string version;
  std::string server;  // The instance that ran it, or the proxy that answered.

  struct Exit {
    std::optional<int> code;
    std::optional<int> signal;
    bool timed_out = false;
    bool operator==(const Exit&) const = default;
  };
  std::optional<Exit> exit;  // Only when a process was started.
  std::string stderr_tail;

  struct Truncated {
    bool out = false;  // `stdout` on the wire.
    bool err = false;  // `stderr` on the wire.
    bool operator==(const Truncated&) const = default;
  };
  Truncated truncated;

  // Milliseconds; absent parts are left out on the wire.
  struct Timing {
    std::optional<double> held, queued, spawn, run;
    bool operator==(const Timing&) const = default;
  };
  Timing timing_ms;

  std::uint32_t attempt = 1;

  bool operator==(const Reply&) const = default;

  // A reply that says why there is no result.
  static Reply failure(std::string request_id, ErrorCode code, std::string error);
};

}  // namespace skillscale
