// What a run tells its agent while it goes on; only runs of intents with `stream` do (docs/protocol.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace skillscale {

// `accepted`, `started`, `stdout`, `stderr`, `progress`, `artifact` on the wire: append, never rename.
enum class EventKind : std::uint8_t { accepted, started, out, err, progress, artifact };
inline constexpr std::size_t kEventKinds = 6;

std::string_view name_of(EventKind kind) noexcept;
std::optional<EventKind> event_kind_from_name(std::string_view name) noexcept;

struct Event {
  std::string request_id;
  EventKind kind = EventKind::accepted;
  std::uint64_t seq = 0;  // From 0, without gaps, per run; at most kSeqMax.
  std::string server;     // The instance that runs it; with `attempt` it tells one run from the next.
  std::uint32_t attempt = 1;

  std::string data;  // out, err: any bytes; `data_base64` on the wire when they are not UTF-8.

  double progress = 0;  // progress: 0 .. 1.
  std::string message;  // progress: for people; may be empty.

  std::string path;  // artifact: as in the reply, which has the content.
  std::string mime;
  std::uint64_t size = 0;
  std::string sha256;  // 64 hex digits.

  // JSON numbers are exact up to here.
  static constexpr std::uint64_t kSeqMax = (std::uint64_t{1} << 53U) - 1;

  bool operator==(const Event&) const = default;
};

// The third frame of `[reply_to, event, "E"]` from a server to the proxy, which takes it off: so an event is
// known as one without being read.
inline constexpr std::string_view kEventFrame = "E";

std::string encode_event(const Event& event);

// Errors as decode_intent(); a kind that is not known is one. Members that do not belong to the kind are not looked at.
Result<Event> decode_event(std::string_view bytes);

}  // namespace skillscale
