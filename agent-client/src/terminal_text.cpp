#include "agent-client/terminal_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace skillscale::agent {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// Appends `\x1b` or `\u202e`.
void write_escape(std::string& out, char kind, std::uint32_t value, int digits) {
  out += '\\';
  out += kind;
  for (int digit = digits - 1; digit >= 0; --digit) out += kHexDigits[(value >> (4 * digit)) & 0xF];
}

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// The first character of a text that is not empty.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (text.size() < bytes || !is_valid_utf8(text.substr(0, bytes))) return {lead, 1, false};
  std::uint32_t code = lead & (0xFFU >> (bytes + 1));
  for (std::size_t index = 1; index < bytes; ++index) code = (code << 6) | (byte(index) & 0x3FU);
  return {code, bytes, true};
}

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

// Direction marks, embeddings, overrides and isolates: they make text look like other text.
bool is_direction_control(std::uint32_t code) {
  return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string for_terminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    const bool line_end = text.starts_with("\r\n");
    if (!character.valid || (is_control(character.code) && character.code != '\n' && character.code != '\t')) {
      if (!line_end) write_escape(out, 'x', character.code, 2);
    } else if (is_direction_control(character.code)) {
      write_escape(out, 'u', character.code, 4);
    } else {
      out += text.substr(0, character.bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return out;
}

std::string for_terminal_line(std::string_view text, std::size_t characters_max) {
  constexpr std::size_t kBytesPerCharacterMax = 4;
  const std::string_view beginning =
      text.substr(0, std::min(text.size(), (characters_max + 1) * kBytesPerCharacterMax));
  std::string safe = for_terminal(beginning);
  std::ranges::replace(safe, '\n', ' ');
  std::ranges::replace(safe, '\t', ' ');

  std::string_view left = safe;
  std::size_t characters = 0;
  while (!left.empty() && characters < characters_max) {
    left.remove_prefix(first_character(left).bytes);
    ++characters;
  }
  if (left.empty() && beginning.size() == text.size()) return safe;
  constexpr std::string_view kCut = "...";
  std::string_view kept = std::string_view(safe).substr(0, safe.size() - left.size());
  for (std::size_t dropped = 0; dropped < kCut.size() && !kept.empty(); ++dropped) {
    do kept.remove_suffix(1);
    while (!kept.empty() && !is_valid_utf8(kept));
  }
  return std::string(kept) + std::string(kCut);
}

}  // namespace skillscale::agent
