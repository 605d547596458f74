// What the dispatcher reads of an intent, and when.
#pragma once

#include <zmq.hpp>

#include "base/result.h"
#include "proxy/hold.h"

namespace skillscale {

// True when the envelope may carry an idempotency key. Looking for these bytes
// costs little beside the copy of the message; parsing each intent would not.
bool mentions_key(const zmq::message_t& payload);

// Reads the routing fields, once. The Error is that of decode_routing().
Result<void> open_envelope(Delivery& delivery);

}  // namespace skillscale
