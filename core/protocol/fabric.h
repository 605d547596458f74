// Frames between the proxy and its members, and control messages of agents.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/intent.h"

namespace skillscale {

// Names one lease. Opaque to a member, which only returns it; to the proxy it
// is a slot of its table, the slot's generation and the proxy's own id, so that
// a stale, repeated or foreign token is recognised.
struct Token {
  static constexpr std::size_t kBytes = 16;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::uint64_t proxy = 0;

  bool operator==(const Token&) const = default;
};

std::string encode_token(const Token& token);  // kBytes bytes, little endian.
std::optional<Token> parse_token(std::string_view bytes) noexcept;

// --- member -> proxy, upstream on the subscription connection -----------------

// `@s` + token + flags: the member wants to start this intent. It waits for
// kGoFrame unless the run may be repeated (idempotent).
struct StartFrame {
  std::string token;
  bool idempotent = false;              // The skill or the intent is declared so.
  std::chrono::milliseconds timeout{};  // The longest that the run may take.
  bool operator==(const StartFrame&) const = default;
};

// `@b` + token: given back; it was not started and never will be here.
struct GiveBackFrame {
  std::string token;
  bool operator==(const GiveBackFrame&) const = default;
};

// `@a` + JSON: what this member is running, or keeps the reply of.
struct AnnounceFrame {
  struct Run {
    ReturnAddress address;
    std::string topic;
    std::string idempotency_key;  // Empty: none.
    bool operator==(const Run&) const = default;
  };
  std::string member;  // The member name that it subscribes to.
  std::vector<Run> runs;
  bool operator==(const AnnounceFrame&) const = default;
};

// `@l` + member name: leaving. It takes no more intents, but ends what it has
// started, and stays subscribed until then so that its death would be seen.
struct LeaveFrame {
  std::string member;
  bool operator==(const LeaveFrame&) const = default;
};

std::string encode_leave(const LeaveFrame& frame);
std::optional<LeaveFrame> parse_leave(std::string_view bytes);
std::string encode_start(const StartFrame& frame);
std::string encode_give_back(const GiveBackFrame& frame);
std::string encode_announce(const AnnounceFrame& frame);

std::optional<StartFrame> parse_start(std::string_view bytes);
std::optional<GiveBackFrame> parse_give_back(std::string_view bytes);
std::optional<AnnounceFrame> parse_announce(std::string_view bytes);

// --- proxy -> member: [member name, payload, token] -------------------------------

// As payload, instead of an intent: the start is granted.
inline constexpr std::string_view kGoFrame = "@go";
// As payload: stop it. A run that was not granted is dropped and given back; a
// running one is killed and answered `cancelled`.
inline constexpr std::string_view kCancelFrame = "@cancel";
// `@who` + {"request_id", "reply_to"}: a member that holds, runs or has answered this request
// announces it; the others stay silent. The token is all zeros.
std::string encode_who(const ReturnAddress& address);
std::optional<ReturnAddress> parse_who(std::string_view bytes);

// Fourth frame of a dispatch, only when an intent has waited or is tried again:
// {"attempt": n, "held_ms": x}. A missing frame means attempt 1 and not held. With `"catalog": true` the
// payload is no intent but a question about the catalogue (catalog.h).
struct DeliveryFacts {
  std::uint32_t attempt = 1;
  double held_ms = 0;
  bool catalog = false;
  bool operator==(const DeliveryFacts&) const = default;
};
std::string encode_delivery_facts(const DeliveryFacts& facts);
std::optional<DeliveryFacts> parse_delivery_facts(std::string_view bytes);

// --- agent -> proxy ------------------------------------------------------------------

inline constexpr std::string_view kCancelTopic = "@cancel";  // ["@cancel", {"request_id", "reply_to"}]
inline constexpr std::string_view kStatsTopic = "@stats";    // Published by the proxy once a second.
inline constexpr std::string_view kResendFrame = "R";        // Third frame of a re-sent intent.

std::string encode_cancel(const ReturnAddress& address);
std::optional<ReturnAddress> parse_cancel(std::string_view bytes);

}  // namespace skillscale
