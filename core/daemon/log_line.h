// How a log line looks. Pure functions; only for logging.cpp and its tests.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "daemon/logging.h"

namespace skillscale::log {

// "2026-11-21T03:04:05.123Z"
std::string timestamp(WallTime time);

// "INFO ", always five characters.
std::string_view padded_name_of(Level level) noexcept;

// `message key=value key="quoted value"`: the part after time and level.
std::string text_line(std::string_view message, Fields fields);

// One JSON object. A field never replaces time, level, program or message.
std::string json_line(WallTime time, Level level, std::string_view program, std::string_view message, Fields fields);

}  // namespace skillscale::log
