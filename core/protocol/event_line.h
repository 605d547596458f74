// What a skill writes to its events descriptor: one JSON object per line (docs/writing-skills.md).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace skillscale {

struct ProgressLine {
  double progress = 0;  // 0 .. 1.
  std::string message;  // At most kEventMessageBytesMax; longer ones are cut at a character.
};

// `{"progress": 0.4, "message": "..."}`, the message optional. Any bytes become a value or
// Error invalid_request, which says what is wrong.
Result<ProgressLine> parse_event_line(std::string_view line);

}  // namespace skillscale
