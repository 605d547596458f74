// Text on the wire and in logs is UTF-8; what skills print may be any bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace skillscale {

// True when every sequence is well formed (RFC 3629: no surrogates, no overlong forms).
bool is_valid_utf8(std::string_view text) noexcept;

// The same text with every malformed sequence replaced by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

// The longest prefix of at most `bytes_max` bytes that ends on a character boundary.
std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max) noexcept;

// The longest suffix of at most `bytes_max` bytes that begins on a character boundary.
std::string_view utf8_suffix(std::string_view text, std::size_t bytes_max) noexcept;

// How many bytes at the end begin a character that is not complete: 0 to 3. What ends badly for another
// reason counts as complete.
std::size_t incomplete_utf8_suffix(std::string_view bytes) noexcept;

}  // namespace skillscale
