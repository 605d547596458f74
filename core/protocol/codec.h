// Any bytes become a value or an Error; every value becomes bytes. Never throws
// on input, whatever it is. JSON is RFC 8259; the schemas lie in schema/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/intent.h"
#include "protocol/reply.h"

namespace skillscale {

// Errors: too_large (past kMessageBytesMax), invalid_request (not UTF-8, not
// JSON, nested past kJsonDepthMax, a field missing, of the wrong type or out of
// range; `detail` names the field, what it was and what is allowed).
Result<Intent> decode_intent(std::string_view bytes);

// The same checks for the routing fields alone; the rest is skipped, not stored.
Result<RoutingFields> decode_routing(std::string_view bytes);

// Who to answer although the intent is broken: looks for request_id and
// reply_to also in JSON that is cut off or has wrong types elsewhere.
std::optional<ReturnAddress> find_return_address(std::string_view bytes);

// Leaves out what is empty or at its default.
std::string encode_intent(const Intent& intent);

// Error invalid_request as for decode_intent; an unknown `status` is one.
// Accepts the replies of servers that send only request_id, status, content, error, timestamp.
Result<Reply> decode_reply(std::string_view bytes);

std::string encode_reply(const Reply& reply);

}  // namespace skillscale
