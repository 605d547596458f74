#include "skills/skill_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "base/limits.h"
#include "skills/problem.h"

namespace skillscale {
namespace {

using Json = nlohmann::json;
using Kind = YamlValue::Kind;

template <typename Number>
std::optional<Number> as_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Json scalar_to_json(const YamlValue& value) {
  if (value.quoted) return value.text;
  if (value.text == "true" || value.text == "True") return true;
  if (value.text == "false" || value.text == "False") return false;
  if (const auto whole = as_number<std::int64_t>(value.text)) return *whole;
  // from_chars takes "inf" and "nan" too, which JSON has not.
  if (const auto real = as_number<double>(value.text); real && std::isfinite(*real)) return *real;
  return value.text;
}

// Depth and size are those of the YAML, which are bounded.
Json to_json(const YamlValue& value) {
  switch (value.kind) {
    case Kind::null:
      return nullptr;
    case Kind::scalar:
      return scalar_to_json(value);
    case Kind::sequence: {
      Json list = Json::array();
      for (const YamlValue& item : value.items) list.push_back(to_json(item));
      return list;
    }
    case Kind::mapping:
      break;
  }
  Json object = Json::object();
  for (const YamlMember& member : value.members) object.emplace(member.key, to_json(member.value));
  return object;
}

// The JSON Schema name of a type; nothing for one that nobody knows.
std::optional<std::string> type_named(std::string name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kTypes = {{
      {"string", "string"},
      {"str", "string"},
      {"text", "string"},
      {"integer", "integer"},
      {"int", "integer"},
      {"number", "number"},
      {"float", "number"},
      {"boolean", "boolean"},
      {"bool", "boolean"},
      {"array", "array"},
      {"list", "array"},
      {"object", "object"},
      {"dict", "object"},
      {"json", "object"},
      {"map", "object"},
      {"any", ""},
      {"", ""},
      {"file", "string"},
      {"path", "string"},
      {"url", "string"},
  }};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& type) { return type.first == name; });
  if (found == kTypes.end()) return std::nullopt;
  return std::string(found->second);
}

bool is_yes(const YamlValue& value) { return value.text == "true" || value.text == "True" || value.text == "yes"; }

class FieldReader {
 public:
  FieldReader(bool required_by_default, const FaultReport& fault)
      : required_by_default_(required_by_default), fault_(fault) {}

  void read(std::string name, std::size_t line, const YamlValue& value) {
    Field field;
    field.name = std::move(name);
    std::optional<bool> required;
    default_ = nullptr;
    if (value.kind == Kind::scalar) {
      set_type(field, value);
    } else {
      for (const YamlMember& member : value.members) read_member(field, required, member);
    }
    if (field.name.empty()) return fault_(line, "an input or output without a name is left out");
    if (!seen_.insert(field.name).second) {
      return fault_(line, "the input or output " + in_quotes(field.name) + " is given twice; the first one counts");
    }
    if (fields_.size() >= limits::kSkillFieldsMax)
      return fault_(line, "too many inputs or outputs; the rest is left out");
    // `default: 1.0` of a string is the text that stands there.
    const bool as_text = default_ != nullptr && default_->kind == Kind::scalar && field.type == "string";
    if (default_ != nullptr) field.default_json = as_text ? Json(default_->text).dump() : to_json_text(*default_);
    field.required = required.value_or(required_by_default_ && default_ == nullptr);
    fields_.push_back(std::move(field));
  }

  std::vector<Field> take() { return std::move(fields_); }

 private:
  void read_member(Field& field, std::optional<bool>& required, const YamlMember& member) {
    const YamlValue& value = member.value;
    if (member.key == "default") {
      if (value.kind != Kind::null) default_ = &value;
    } else if (value.kind != Kind::scalar) {
      return;  // `items`, `enum` and what else a schema may say is for the skill itself.
    } else if (member.key == "name" && field.name.empty()) {
      field.name = value.text;
    } else if (member.key == "type") {
      set_type(field, value);
    } else if (member.key == "description") {
      field.description = value.text;
    } else if (member.key == "required") {
      required = is_yes(value);
    } else if (member.key == "optional") {
      required = !is_yes(value) && required_by_default_;
    }
  }

  void set_type(Field& field, const YamlValue& value) {
    if (const auto type = type_named(value.text)) {
      field.type = *type;
    } else {
      fault_(value.line,
             "unknown type " + in_quotes(value.text) + "; known: string, integer, number, boolean, array, object");
    }
  }

  const bool required_by_default_;
  const FaultReport& fault_;
  std::vector<Field> fields_;
  std::set<std::string> seen_;
  const YamlValue* default_ = nullptr;  // Of the field that is being read.
};

}  // namespace

std::vector<Field> read_fields(const YamlValue& value, bool required_by_default, const FaultReport& fault) {
  FieldReader reader(required_by_default, fault);
  if (value.kind == Kind::mapping) {
    for (const YamlMember& member : value.members) reader.read(member.key, member.line, member.value);
  } else if (value.kind == Kind::sequence) {
    for (const YamlValue& item : value.items) {
      if (item.kind == Kind::mapping) {
        reader.read({}, item.line, item);
      } else {
        reader.read(item.text, item.line, YamlValue());
      }
    }
  } else if (value.kind != Kind::null) {
    fault(value.line, "inputs and outputs must be a list or a mapping");
  }
  return reader.take();
}

std::string to_json_text(const YamlValue& value) {
  return to_json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace skillscale
