// Base64 as in RFC 4648 section 4: the standard alphabet, padded, on one line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skillscale {

std::string encode_base64(std::string_view bytes);

// Nothing unless `text` is exactly what encode_base64 makes of some bytes.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace skillscale
