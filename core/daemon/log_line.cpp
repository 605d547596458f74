#include "daemon/log_line.h"

#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace skillscale::log {
namespace {

std::string_view name_of(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "unknown";
}

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
};

// The first character of well-formed UTF-8.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xe0) return {(lead & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (lead < 0xf0) return {(lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
}

// Would move the cursor, end the line or reverse the text of a terminal: ASCII and C1
// controls, line and paragraph separators, bidirectional overrides.
bool is_unsafe(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void append_escape(std::string& out, char32_t code) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  switch (code) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[code >> shift & 0xf];
  }
}

// Inside quotes, quotes and backslashes are escaped too, so that the value can be read back.
void append_escaped(std::string& out, std::string_view bytes, bool in_quotes) {
  const std::string text = to_valid_utf8(bytes);
  for (std::string_view rest = text; !rest.empty();) {
    const Character character = first_character(rest);
    if (is_unsafe(character.code)) {
      append_escape(out, character.code);
    } else {
      if (in_quotes && (character.code == '"' || character.code == '\\')) out += '\\';
      out += rest.substr(0, character.bytes);
    }
    rest.remove_prefix(character.bytes);
  }
}

void append_text(std::string& out, std::string_view value) {
  std::string escaped;
  append_escaped(escaped, value, true);
  const bool needs_quotes = escaped.empty() || escaped.find_first_of(" =\"\\") != std::string::npos;
  if (needs_quotes) out += '"';
  out += escaped;
  if (needs_quotes) out += '"';
}

template <typename Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

struct AppendValue {
  std::string& out;
  void operator()(std::string_view value) const { append_text(out, value); }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { append_number(out, value); }
  void operator()(std::uint64_t value) const { append_number(out, value); }
  void operator()(double value) const { append_number(out, value); }
};

}  // namespace

std::string timestamp(WallTime time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
  const std::time_t whole = seconds.count();
  std::tm utc{};
  ::gmtime_r(&whole, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const std::string fraction = std::to_string(1000 + (milliseconds - seconds).count());
  return std::string(text.data(), length) + "." + fraction.substr(1) + "Z";
}

std::string_view padded_name_of(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO ";
    case Level::warn:
      return "WARN ";
    case Level::error:
      return "ERROR";
  }
  return "?????";
}

std::string text_line(std::string_view message, Fields fields) {
  std::string line;
  append_escaped(line, message, false);
  for (const Field& field : fields) {
    line += ' ';
    append_escaped(line, field.key, false);
    line += '=';
    std::visit(AppendValue{line}, field.value);
  }
  return line;
}

std::string json_line(WallTime time, Level level, std::string_view program, std::string_view message, Fields fields) {
  nlohmann::ordered_json line = {
      {"time", timestamp(time)}, {"level", name_of(level)}, {"program", program}, {"message", message}};
  for (const Field& field : fields) {
    std::visit([&](const auto& value) { line.emplace(std::string(field.key), value); }, field.value);
  }
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace skillscale::log
