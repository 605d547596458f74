// Any bytes as a line that a skill writes to its events descriptor.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/event_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skillscale;
  const auto line = parse_event_line({reinterpret_cast<const char*>(data), size});
  if (!line) {
    SK_CHECK(!line.error().detail.empty() && is_valid_utf8(line.error().detail));
    return 0;
  }
  SK_CHECK(line->progress >= 0 && line->progress <= 1);
  SK_CHECK(line->message.size() <= limits::kEventMessageBytesMax && is_valid_utf8(line->message));
  return 0;
}
