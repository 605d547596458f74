#include "protocol/event_line.h"

#include <array>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/json_fields.h"

namespace skillscale {

Result<ProgressLine> parse_event_line(std::string_view line) {
  constexpr auto kFields = std::to_array<std::string_view>({"progress", "message"});
  if (line.size() > limits::kEventLineBytesMax) {
    return Error{ErrorCode::invalid_request, "the line has " + std::to_string(line.size()) + " bytes; allowed are " +
                                                 std::to_string(limits::kEventLineBytesMax)};
  }
  auto fields = JsonFields::read(line, kFields);
  if (!fields) return std::move(fields).error();
  const auto progress = fields->number("progress", 0, 1);
  if (!progress) fields->refuse("progress", "missing", "a number from 0 to 1");
  const std::string message = fields->text("message");
  if (fields->error()) return *fields->error();
  return ProgressLine{.progress = *progress,
                      .message = std::string(utf8_prefix(message, limits::kEventMessageBytesMax))};
}

}  // namespace skillscale
