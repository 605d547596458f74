// Any bytes through every decoder of the wire. What is accepted must mean the
// same after it was encoded again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocol/catalog.h"
#include "protocol/codec.h"
#include "protocol/event.h"
#include "protocol/fabric.h"

namespace {

using namespace skillscale;

void check_intent(std::string_view bytes) {
  const auto intent = decode_intent(bytes);
  const auto routing = decode_routing(bytes);
  const auto address = find_return_address(bytes);
  if (!intent) return;
  const auto again = decode_intent(encode_intent(*intent));
  SK_CHECK(again && *again == *intent);
  SK_CHECK(routing && routing->address == intent->address && routing->priority == intent->priority);
  SK_CHECK(address == intent->address);
}

void check_reply(std::string_view bytes) {
  const auto reply = decode_reply(bytes);
  if (!reply) return;
  const auto again = decode_reply(encode_reply(*reply));
  SK_CHECK(again && *again == *reply);
}

void check_event(std::string_view bytes) {
  const auto event = decode_event(bytes);
  if (!event) return;
  const auto again = decode_event(encode_event(*event));
  SK_CHECK(again && *again == *event);
}

void check_frames(std::string_view bytes) {
  if (const auto frame = parse_start(bytes)) SK_CHECK(encode_start(*frame) == bytes);
  if (const auto frame = parse_give_back(bytes)) SK_CHECK(encode_give_back(*frame) == bytes);
  if (const auto frame = parse_leave(bytes)) SK_CHECK(encode_leave(*frame) == bytes);
  if (const auto frame = parse_announce(bytes)) SK_CHECK(parse_announce(encode_announce(*frame)) == frame);
  if (const auto facts = parse_delivery_facts(bytes))
    SK_CHECK(parse_delivery_facts(encode_delivery_facts(*facts)) == facts);
  if (const auto address = parse_cancel(bytes)) SK_CHECK(parse_cancel(encode_cancel(*address)) == address);
  if (const auto token = parse_token(bytes)) SK_CHECK(encode_token(*token) == bytes);
}

void check_catalog(std::string_view bytes) {
  if (const auto request = decode_catalog_request(bytes)) {
    const auto again = decode_catalog_request(encode_catalog_request(*request));
    SK_CHECK(again && *again == *request);
  }
  if (const auto news = parse_catalog_news(bytes)) SK_CHECK(parse_catalog_news(encode_catalog_news(*news)) == news);
  if (const auto topic = topic_of_catalog(bytes)) SK_CHECK(catalog_name(*topic) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_intent(bytes);
  check_reply(bytes);
  check_event(bytes);
  check_frames(bytes);
  check_catalog(bytes);
  return 0;
}
