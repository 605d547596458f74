// The scanner behind find_return_address(): follows strings and brackets only,
// so it also reads what no JSON parser would accept.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "protocol/codec.h"
#include "protocol/json_fields.h"
#include "protocol/json_reader.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  // Where the next member of the outermost object begins its value; `key` is the
  // name with its quotes. False at the end of the object or of the text.
  bool next_member(std::string_view& key) {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '"') {
        const std::string_view string = take_string();
        skip_space();
        if (depth_ != 1 || !rest_.starts_with(':')) continue;
        rest_.remove_prefix(1);
        key = string;
        return true;
      }
      rest_.remove_prefix(1);
      if (!follow_bracket(c)) return false;
    }
    return false;
  }

  // The string, with its quotes, that stands next; empty when something else does.
  std::string_view take_string_value() {
    skip_space();
    return rest_.starts_with('"') ? take_string() : std::string_view();
  }

 private:
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpace), rest_.size())); }

  // An end of the outermost object ends the scan; a stray `]` in it does nothing.
  bool follow_bracket(char c) {
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' && depth_ <= 1) return false;
    if ((c == '}' || c == ']') && depth_ > 1) --depth_;
    return true;
  }

  // Empty when it is cut off; the scan is at its end then.
  std::string_view take_string() {
    std::size_t end = 1;
    while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    const bool is_whole = end < rest_.size();
    const std::string_view string = is_whole ? rest_.substr(0, end + 1) : std::string_view();
    rest_.remove_prefix(is_whole ? end + 1 : rest_.size());
    return string;
  }

  std::string_view rest_;
  std::size_t depth_ = 0;
};

// The characters of a quoted JSON string; nothing when it is malformed, or
// longer than any name even if every character of it is escaped.
std::optional<std::string> unquote(std::string_view quoted) {
  constexpr std::size_t kEscapedBytes = 6;
  if (quoted.empty() || quoted.size() > kEscapedBytes * limits::kRequestIdBytesMax + 2) return std::nullopt;
  std::optional<std::string> text;
  auto done = read_json_array("[" + std::string(quoted) + "]",
                              [&](std::string&, JsonValue& value) { text = std::move(value.text); });
  return done ? text : std::nullopt;
}

// A name may be spelled with escapes; hardly any is, so they are not all parsed.
bool is_named(std::string_view quoted, std::string_view name) {
  if (quoted.find('\\') != std::string_view::npos) return unquote(quoted) == name;
  return quoted.size() == name.size() + 2 && quoted.substr(1, name.size()) == name;
}

}  // namespace

std::optional<ReturnAddress> find_return_address(std::string_view bytes) {
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  const std::size_t begin = bytes.find_first_not_of(kSpace);
  if (begin == std::string_view::npos || bytes[begin] != '{') return std::nullopt;
  ReturnAddress address;
  Scanner scanner(bytes.substr(begin));
  std::string_view key;
  while (scanner.next_member(key)) {
    const bool is_id = is_named(key, "request_id");
    if (!is_id && !is_named(key, "reply_to")) continue;
    auto value = unquote(scanner.take_string_value());
    if (!value) continue;
    if (is_id && is_request_id(*value)) address.request_id = std::move(*value);
    if (!is_id && is_topic(*value)) address.reply_to = std::move(*value);
  }
  if (address.request_id.empty() || address.reply_to.empty()) return std::nullopt;
  return address;
}

}  // namespace skillscale
