// Any bytes as a name of the fabric, and as a pattern and a topic (before and
// after the first line end).
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocol/topic.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skillscale;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto member = parse_member_name(bytes)) SK_CHECK(encode_member_name(*member) == bytes);
  SK_CHECK(!is_topic(bytes) || !is_fabric_name(bytes));
  SK_CHECK(!is_topic(bytes) || is_barrier_name(barrier_name(bytes)));
  SK_CHECK(!is_barrier_name(bytes) || is_fabric_name(bytes));
  const std::size_t line_end = bytes.find('\n');
  if (line_end == std::string_view::npos || size > 4096) return 0;
  const std::string_view topic = bytes.substr(line_end + 1);
  const bool matches = matches_pattern(bytes.substr(0, line_end), topic);
  SK_CHECK(matches || topic.empty() || bytes.substr(0, line_end) != "*");
  return 0;
}
