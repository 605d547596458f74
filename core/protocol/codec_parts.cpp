#include "protocol/codec_parts.h"

#include <utility>

#include "base/limits.h"
#include "protocol/json_reader.h"

namespace skillscale {

std::optional<Error> check_size(std::string_view bytes) {
  if (bytes.size() <= limits::kMessageBytesMax) return std::nullopt;
  return Error{ErrorCode::too_large, "the message has " + std::to_string(bytes.size()) + " bytes; allowed are " +
                                         std::to_string(limits::kMessageBytesMax)};
}

std::optional<JsonFields> take_object(JsonFields& fields, std::string_view name,
                                      std::span<const std::string_view> known) {
  const JsonValue* value = fields.find(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind != JsonValue::Kind::object) {
    fields.refuse(name, describe(*value), "an object");
    return std::nullopt;
  }
  auto members = JsonFields::read(value->raw, known, std::string(name) + ".");
  if (members) return std::move(members).value();
  fields.refuse(std::move(members).error());
  return std::nullopt;
}

std::string json_array(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ',';
    out += item;
  }
  return out += ']';
}

std::string string_array(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  items.reserve(texts.size());
  for (const std::string& text : texts) items.push_back(quote_json(text));
  return json_array(items);
}

void write_text(JsonObjectWriter& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.text(name, value);
}

void write_number(JsonObjectWriter& out, std::string_view name, std::optional<double> value) {
  if (value) out.number(name, *value);
}

}  // namespace skillscale
