#include "protocol/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/utf8.h"

namespace skillscale {
namespace {

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
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
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out.append("\\u00").append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 0xfU]);
}

bool needs_escape(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

void append_quoted(std::string& out, std::string_view text) {
  if (!is_valid_utf8(text)) {
    const std::string repaired = to_valid_utf8(text);
    append_quoted(out, repaired);
    return;
  }
  out.reserve(out.size() + text.size() + 2);
  out += '"';
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!needs_escape(text[i])) continue;
    out.append(text, begin, i - begin);
    append_escaped(out, text[i]);
    begin = i + 1;
  }
  out.append(text, begin, text.size() - begin);
  out += '"';
}

}  // namespace

std::string quote_json(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

// Times without an exponent, because people read them.
std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 64> digits{};
  char* end = digits.data() + digits.size();
  const double size = std::abs(value);
  const bool fixed = size == 0 || (size >= 1e-6 && size < 1e15);
  const auto [stop, error] = fixed ? std::to_chars(digits.data(), end, value, std::chars_format::fixed)
                                   : std::to_chars(digits.data(), end, value);
  return error == std::errc() ? std::string(digits.data(), stop) : "null";
}

void JsonObjectWriter::begin_member(std::string_view name) {
  if (out_.size() > 1) out_ += ',';
  append_quoted(out_, name);
  out_ += ':';
}

JsonObjectWriter& JsonObjectWriter::text(std::string_view name, std::string_view value) {
  begin_member(name);
  append_quoted(out_, value);
  return *this;
}

JsonObjectWriter& JsonObjectWriter::number(std::string_view name, double value) {
  return raw(name, json_number(value));
}

JsonObjectWriter& JsonObjectWriter::integer(std::string_view name, std::int64_t value) {
  return raw(name, std::to_string(value));
}

JsonObjectWriter& JsonObjectWriter::flag(std::string_view name, bool value) {
  return raw(name, value ? "true" : "false");
}

JsonObjectWriter& JsonObjectWriter::raw(std::string_view name, std::string_view json) {
  begin_member(name);
  out_.append(json);
  return *this;
}

std::string JsonObjectWriter::take() {
  out_ += '}';
  return std::move(out_);
}

}  // namespace skillscale
