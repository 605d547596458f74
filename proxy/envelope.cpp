#include "proxy/envelope.h"

#include <string_view>
#include <utility>

#include "protocol/codec.h"

namespace skillscale {

bool mentions_key(const zmq::message_t& payload) {
  return payload.to_string_view().find("\"idempotency_key\"") != std::string_view::npos;
}

Result<void> open_envelope(Delivery& delivery) {
  if (delivery.parsed) return {};
  auto fields = decode_routing(delivery.payload.to_string_view());
  if (!fields) return std::move(fields).error();
  delivery.fields = std::move(*fields);
  delivery.parsed = true;
  return {};
}

}  // namespace skillscale
