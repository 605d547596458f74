// Reads one level of a JSON text at a time, without building a tree: what lies
// deeper is checked and handed on as its text, so a hostile message costs no more
// memory than its own size, and numbers and key order survive untouched.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace skillscale {

struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;     // Finite.
  std::string text;      // Of a string its characters, of a number its digits.
  std::string_view raw;  // Of an array or object its text, inside what was read.
};

// Called for each direct child, in order; it may take what it wants out of
// both. `key` is empty for the elements of an array.
using JsonVisitor = std::function<void(std::string& key, JsonValue& value)>;

// Error invalid_request: not UTF-8, not JSON, not an object (array), or nested
// past kJsonDepthMax. The visitor may have seen children by then.
Result<void> read_json_object(std::string_view json, const JsonVisitor& visit);
Result<void> read_json_array(std::string_view json, const JsonVisitor& visit);

// True for one JSON text of any kind within the same bounds.
bool is_json(std::string_view text);

// The value as JSON again.
std::string json_text(const JsonValue& value);

// For error messages: what the value is and, shortened, what it holds.
std::string describe(const JsonValue& value);

}  // namespace skillscale
