// The named members of one JSON object, taken out with their checks. The first
// refusal is remembered and later ones are not: a decoder reads every field
// straight through and looks at `error()` once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/intent.h"
#include "protocol/json_reader.h"

namespace skillscale {

class JsonFields {
 public:
  // Keeps the members named in `known`; others are skipped. A null counts as
  // not given. When a name comes twice the last one wins. `path` stands before
  // the names in messages ("intent."). Views of `json` are kept.
  static Result<JsonFields> read(std::string_view json, std::span<const std::string_view> known, std::string path = {});

  // Nothing when the field is not given.
  JsonValue* find(std::string_view name);

  std::string text(std::string_view name);  // Any string; empty when not given.
  std::string text_without_nul(std::string_view name);
  std::string id(std::string_view name);  // is_request_id(); empty when not given.
  ReturnAddress address();                // request_id and reply_to, both required.
  std::optional<double> number(std::string_view name, double min, double max);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t min, std::int64_t max);
  bool flag(std::string_view name);                       // False when not given.
  std::vector<std::string> texts(std::string_view name);  // At most kIntentItemsMax, without NUL.

  // Remembers "<path><name>: was <was>; allowed is <allowed>".
  void refuse(std::string_view name, std::string_view was, std::string_view allowed);
  // Remembers an error of a part that was read apart.
  void refuse(Error error);
  const std::optional<Error>& error() const { return error_; }

 private:
  explicit JsonFields(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::map<std::string, JsonValue, std::less<>> values_;
  std::optional<Error> error_;
};

// True for 1..kRequestIdBytesMax bytes without control characters: ids stand in logs.
bool is_request_id(std::string_view id) noexcept;

}  // namespace skillscale
