// Between the public types and the bytes of the wire. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/result.h"
#include "protocol/event.h"
#include "protocol/intent.h"
#include "skillscale/agent_client.h"

namespace skillscale::agent {

// The intent as JSON. Errors: invalid_request (which option, its value, what is
// allowed), too_large.
Result<std::string> encode_request(const Request& request, const std::string& reply_topic, WallTime now);

// A question about a catalogue as JSON. Errors as above.
Result<std::string> encode_question(const std::string& topic, const CatalogQuestion& question,
                                    const ReturnAddress& address);

// A final reply from the fabric. Error invalid_request when it is none.
Result<Reply> decode_answer(std::string_view bytes);

// An event as the application sees it.
Event mirror_event(const skillscale::Event& event, std::uint64_t missed, std::string_view json);

// A reply that the client makes itself.
Reply local_reply(const std::string& request_id, ErrorCode code, std::string error, WallTime now);

// Error invalid_config names the option, its value and what is allowed.
Result<void> check_options(const ClientOptions& options);

}  // namespace skillscale::agent
