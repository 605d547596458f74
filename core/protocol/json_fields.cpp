#include "protocol/json_fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/limits.h"
#include "protocol/json_writer.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

constexpr std::string_view kTopicRule = "a topic, [A-Za-z0-9][A-Za-z0-9._:-]{0,127}";
constexpr std::string_view kIdRule = "a string of 1..128 bytes without control characters";

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

bool is_request_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= limits::kRequestIdBytesMax && std::none_of(id.begin(), id.end(), is_control);
}

Result<JsonFields> JsonFields::read(std::string_view json, std::span<const std::string_view> known, std::string path) {
  JsonFields fields(std::move(path));
  auto done = read_json_object(json, [&](std::string& key, JsonValue& value) {
    if (std::find(known.begin(), known.end(), key) == known.end()) return;
    fields.values_[std::move(key)] = std::move(value);
  });
  if (!done) return std::move(done).error();
  return fields;
}

JsonValue* JsonFields::find(std::string_view name) {
  const auto found = values_.find(name);
  return found == values_.end() || found->second.kind == JsonValue::Kind::null ? nullptr : &found->second;
}

void JsonFields::refuse(std::string_view name, std::string_view was, std::string_view allowed) {
  if (error_) return;
  std::string detail = path_;
  detail.append(name).append(": was ").append(was).append("; allowed is ").append(allowed);
  error_ = Error{ErrorCode::invalid_request, std::move(detail)};
}

void JsonFields::refuse(Error error) {
  if (!error_) error_ = std::move(error);
}

std::string JsonFields::text(std::string_view name) {
  JsonValue* value = find(name);
  if (value == nullptr) return {};
  if (value->kind == JsonValue::Kind::string) return std::move(value->text);
  refuse(name, describe(*value), "a string");
  return {};
}

std::string JsonFields::text_without_nul(std::string_view name) {
  std::string value = text(name);
  if (value.find('\0') != std::string::npos) refuse(name, "a string with a NUL character", "a string without one");
  return value;
}

std::string JsonFields::id(std::string_view name) {
  JsonValue* value = find(name);
  if (value == nullptr) return {};
  if (value->kind == JsonValue::Kind::string && is_request_id(value->text)) return std::move(value->text);
  refuse(name, describe(*value), kIdRule);
  return {};
}

ReturnAddress JsonFields::address() {
  ReturnAddress address;
  if (find("request_id") == nullptr) refuse("request_id", "missing", kIdRule);
  address.request_id = id("request_id");
  JsonValue* reply_to = find("reply_to");
  if (reply_to == nullptr) {
    refuse("reply_to", "missing", kTopicRule);
  } else if (reply_to->kind != JsonValue::Kind::string || !is_topic(reply_to->text)) {
    refuse("reply_to", describe(*reply_to), kTopicRule);
  } else {
    address.reply_to = std::move(reply_to->text);
  }
  return address;
}

std::optional<double> JsonFields::number(std::string_view name, double min, double max) {
  const JsonValue* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind == JsonValue::Kind::number && value->number >= min && value->number <= max) return value->number;
  std::string allowed = "a number";
  if (std::isfinite(min)) allowed += " from " + json_number(min);
  if (std::isfinite(max)) allowed += " to " + json_number(max);
  refuse(name, describe(*value), allowed);
  return std::nullopt;
}

// A number without a fraction is an integer however it is written, as in JSON Schema.
std::optional<std::int64_t> JsonFields::integer(std::string_view name, std::int64_t min, std::int64_t max) {
  const JsonValue* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind == JsonValue::Kind::number && value->number >= static_cast<double>(min) &&
      value->number <= static_cast<double>(max) && std::trunc(value->number) == value->number) {
    return static_cast<std::int64_t>(value->number);
  }
  refuse(name, describe(*value), "an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

bool JsonFields::flag(std::string_view name) {
  const JsonValue* value = find(name);
  if (value == nullptr) return false;
  if (value->kind != JsonValue::Kind::boolean) refuse(name, describe(*value), "true or false");
  return value->boolean;
}

std::vector<std::string> JsonFields::texts(std::string_view name) {
  constexpr std::string_view kRule = "an array of at most 1024 strings without NUL characters";
  static_assert(limits::kIntentItemsMax == 1024);
  std::vector<std::string> items;
  const JsonValue* value = find(name);
  if (value == nullptr) return items;
  if (value->kind != JsonValue::Kind::array) {
    refuse(name, describe(*value), kRule);
    return items;
  }
  auto done = read_json_array(value->raw, [&](std::string&, JsonValue& item) {
    if (items.size() == limits::kIntentItemsMax) return refuse(name, "longer", kRule);
    if (item.kind != JsonValue::Kind::string) return refuse(name, "an array with " + describe(item), kRule);
    if (item.text.find('\0') != std::string::npos) return refuse(name, "an array with a NUL character", kRule);
    items.push_back(std::move(item.text));
  });
  if (!done) refuse(std::move(done).error());
  return items;
}

}  // namespace skillscale
