#include "engine/input_check.h"

#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "protocol/json_reader.h"

namespace skillscale {
namespace {

using Kind = JsonValue::Kind;

// Unknown types are anybody's: they say nothing that could be checked.
bool has_type(const JsonValue& value, std::string_view type) {
  if (type == "string") return value.kind == Kind::string;
  if (type == "integer") return value.kind == Kind::number && std::trunc(value.number) == value.number;
  if (type == "number") return value.kind == Kind::number;
  if (type == "boolean") return value.kind == Kind::boolean;
  if (type == "array") return value.kind == Kind::array;
  if (type == "object") return value.kind == Kind::object;
  return true;
}

Error refuse(std::string detail) { return {ErrorCode::invalid_request, std::move(detail)}; }

void add(std::string& problems, std::string problem) { problems += (problems.empty() ? "" : "; ") + problem; }

}  // namespace

Result<void> check_input(const std::vector<Field>& fields, const std::optional<std::string>& input_json) {
  if (fields.empty()) return {};
  std::map<std::string, JsonValue, std::less<>> given;
  auto read = read_json_object(input_json.value_or("{}"), [&](std::string& name, JsonValue& value) {
    if (value.kind == Kind::null) {
      given.erase(name);
    } else {
      given[name] = std::move(value);
    }
  });
  if (!read) return refuse("input: must be an object with the fields of the skill");
  std::string problems;
  for (const Field& field : fields) {
    const auto found = given.find(field.name);
    const std::string type = field.type.empty() ? "" : " (" + field.type + ")";
    if (found == given.end()) {
      if (field.required && !field.default_json) add(problems, "input." + field.name + type + " is missing");
    } else if (!has_type(found->second, field.type)) {
      add(problems, "input." + field.name + ": was " + describe(found->second) + "; allowed is " + field.type);
    }
  }
  if (!problems.empty()) return refuse(std::move(problems));
  return {};
}

}  // namespace skillscale
