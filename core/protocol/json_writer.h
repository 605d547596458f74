// Writes JSON text in one pass. Never fails: malformed UTF-8 becomes U+FFFD, a
// number that JSON does not have becomes null.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace skillscale {

std::string quote_json(std::string_view text);

// The shortest digits that read back as the same number.
std::string json_number(double value);

// One JSON object; members stand in the order in which they are added.
class JsonObjectWriter {
 public:
  JsonObjectWriter& text(std::string_view name, std::string_view value);
  JsonObjectWriter& number(std::string_view name, double value);
  JsonObjectWriter& integer(std::string_view name, std::int64_t value);
  JsonObjectWriter& flag(std::string_view name, bool value);
  // `json` must be JSON already.
  JsonObjectWriter& raw(std::string_view name, std::string_view json);

  std::string take();  // Ends the object; the writer is done.

 private:
  void begin_member(std::string_view name);
  std::string out_ = "{";
};

}  // namespace skillscale
