// Questions about the skills of a topic, and news that they have changed.
//
//   agent -> proxy    ["@catalog/<topic>", request]         to one member of the topic
//   proxy -> member   [member, request, token, facts]       facts say "catalog": true
//   member -> proxy   [reply_to, reply, token]              an ordinary reply: the answer is in `outputs`
//   member -> proxy   `@c` + news                           upstream on the subscription connection
//   proxy -> agents   ["@catalog/<topic>", announcement]    to whoever has subscribed to it
//
// Agents only publish and members only speak upstream, so no agent can forge an announcement,
// and a request is never broadcast.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/intent.h"

namespace skillscale {

inline constexpr std::string_view kCatalogPrefix = "@catalog/";

std::string catalog_name(std::string_view topic);  // "@catalog/" + topic.
// The topic in it; nothing unless `name` is exactly such a name.
std::optional<std::string_view> topic_of_catalog(std::string_view name) noexcept;

struct CatalogRequest {
  enum class Op : std::uint8_t { list, show, read };
  ReturnAddress address;
  Op op = Op::list;
  std::string skill;  // Of show and read.
  std::string path;   // Of read: relative to the skill's folder; not yet checked.

  bool operator==(const CatalogRequest&) const = default;
};

std::string encode_catalog_request(const CatalogRequest& request);
// Error invalid_request names the field, what it was and what is allowed.
Result<CatalogRequest> decode_catalog_request(std::string_view bytes);

// What a member says when it has joined and when its skills have changed.
struct CatalogNews {
  std::string member;  // The member name that it subscribes to.
  std::string server;  // The instance, as in replies.
  std::string digest;  // Of its catalogue; another one when any skill is another one.
  std::uint64_t skills = 0;

  bool operator==(const CatalogNews&) const = default;
};

std::string encode_catalog_news(const CatalogNews& news);
std::optional<CatalogNews> parse_catalog_news(std::string_view bytes);
std::string encode_catalog_announcement(const CatalogNews& news);  // Without the member.

}  // namespace skillscale
