// A final reply: how one intent ended (docs/protocol.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace skillscale {

// A file that a run left in its folder and the intent asked for.
struct Artifact {
  std::string path;     // Relative to the run's folder.
  std::string mime;     // By extension; application/octet-stream when unknown.
  std::string sha256;   // 64 hex digits.
  std::string content;  // Bytes; `content_base64` on the wire.

  bool operator==(const Artifact&) const = default;
};

struct Reply {
  std::string request_id;
  bool success = false;  // `status` on the wire: "success" or "error".
  std::string content;   // Valid UTF-8 once encoded: malformed bytes become U+FFFD.
  std::string error;     // Empty on success.
  std::string code;      // A name of ErrorCode; empty on success. Kept as text: newer peers may add codes.
  double timestamp = 0;  // Seconds since the epoch.

  std::string skill;
  std::string version;
  std::string digest;  // Of the skill's files, "sha256:<hex>"; empty: unknown.
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

  std::string outputs_json;  // `outputs`: the JSON text of an object; empty: none.
  std::vector<Artifact> artifacts;
  std::vector<std::string> warnings;  // For people: a deprecated skill, a fallback to a cold start.

  struct Usage {
    double cpu_ms = 0;
    std::uint64_t max_rss_kb = 0;  // 1024 bytes each.
    std::uint64_t bytes_in = 0;    // stdin, files and input.
    std::uint64_t bytes_out = 0;   // stdout, stderr, artifacts and outputs, before any cap.
    bool operator==(const Usage&) const = default;
  };
  std::optional<Usage> usage;             // Only when a process was started.
  std::optional<std::uint64_t> last_seq;  // Of the last event before this reply; only with `stream`.

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
