// What the codecs of intents and replies share.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/json_fields.h"
#include "protocol/json_writer.h"

namespace skillscale {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr std::string_view kBase64Rule = "RFC 4648 base64, padded, on one line";

// Error too_large past kMessageBytesMax, else nothing.
std::optional<Error> check_size(std::string_view bytes);

// The members of an object member; nothing when it is not given or wrong.
std::optional<JsonFields> take_object(JsonFields& fields, std::string_view name,
                                      std::span<const std::string_view> known);

std::string json_array(const std::vector<std::string>& items);    // Of JSON texts.
std::string string_array(const std::vector<std::string>& texts);  // Of any text.

// Left out when there is none.
void write_text(JsonObjectWriter& out, std::string_view name, std::string_view value);
void write_number(JsonObjectWriter& out, std::string_view name, std::optional<double> value);

}  // namespace skillscale
