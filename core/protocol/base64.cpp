#include "protocol/base64.h"

#include <array>
#include <cstdint>

namespace skillscale {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kInvalid = 0xff;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kInvalid);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

std::uint32_t byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// Appends `count` of the three bytes in the low 24 bits of `group`.
void append_bytes(std::string& out, std::uint32_t group, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<char>((group >> (16 - 8 * i)) & 0xffU));
}

void append_digits(std::string& out, std::uint32_t group, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out.push_back(kAlphabet[(group >> (18 - 6 * i)) & 0x3fU]);
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    append_digits(text, byte_at(bytes, i) << 16U | byte_at(bytes, i + 1) << 8U | byte_at(bytes, i + 2), 4);
  }
  const std::size_t rest = bytes.size() - i;
  if (rest == 1) append_digits(text, byte_at(bytes, i) << 16U, 2);
  if (rest == 2) append_digits(text, byte_at(bytes, i) << 16U | byte_at(bytes, i + 1) << 8U, 3);
  if (rest > 0) text.append(3 - rest, '=');
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::size_t digits = text.size() - padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t begin = 0; begin < digits; begin += 4) {
    std::uint32_t group = 0;
    for (std::size_t i = begin; i < begin + 4; ++i) {
      const std::uint8_t value = i < digits ? kValues[byte_at(text, i)] : 0;
      if (value == kInvalid) return std::nullopt;
      group = group << 6U | value;
    }
    const std::size_t count = begin + 4 <= digits ? 3 : 3 - padding;
    // Bits that no byte holds must be zero, so that each value has one spelling.
    if (count < 3 && (group & ((1U << (8 * padding)) - 1)) != 0) return std::nullopt;
    append_bytes(bytes, group, count);
  }
  return bytes;
}

}  // namespace skillscale
