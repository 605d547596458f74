// Routing names: topics, and the names that belong to the fabric.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skillscale {

// True for `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
bool is_topic(std::string_view name) noexcept;

// True for names that begin with `@`: they belong to the fabric, never to an agent.
bool is_fabric_name(std::string_view name) noexcept;

// True when `topic` matches `pattern`, in which `*` stands for any characters
// (also none) and every other character for itself.
bool matches_pattern(std::string_view pattern, std::string_view topic) noexcept;

// One skill server's membership of a (topic, group). On the wire it is the
// subscription `@g/<topic>/<group>/<instance>/<credits>/`.
struct MemberName {
  std::string topic;
  std::string group;          // Same grammar as a topic.
  std::string instance;       // Same grammar; unique per connection of a server to a proxy.
  std::uint32_t credits = 0;  // Intents it may hold at once, 1..kCreditsMax.

  bool operator==(const MemberName&) const = default;
};

std::string encode_member_name(const MemberName& member);

// Nothing unless `text` is exactly one well-formed member name.
std::optional<MemberName> parse_member_name(std::string_view text);

// `@r/<id>`: a subscription that the proxy echoes, so that a peer knows that all
// its earlier subscriptions are in force.
std::string barrier_name(std::string_view id);
bool is_barrier_name(std::string_view name) noexcept;

}  // namespace skillscale
