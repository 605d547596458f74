// What a message from the proxy to a member says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bus/sockets.h"
#include "protocol/fabric.h"

namespace skillscale {

// [member, payload, token] or [member, payload, token, delivery facts]. Views into the frames.
struct Dispatch {
  enum class Kind : std::uint8_t { intent, question, go, cancel, who, malformed };
  Kind kind = Kind::malformed;
  std::string_view member;
  std::string_view payload;
  std::string token;  // Empty when the message has none that is well formed.
  DeliveryFacts facts;
  std::string_view problem;  // What is malformed. Set too for an intent whose facts were of no use.
};

Dispatch read_dispatch(const Frames& frames);

}  // namespace skillscale
