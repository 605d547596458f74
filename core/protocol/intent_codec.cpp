#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/base64.h"
#include "protocol/codec.h"
#include "protocol/codec_parts.h"
#include "protocol/json_fields.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

using Kind = JsonValue::Kind;

using Environment = std::vector<std::pair<std::string, std::string>>;

constexpr auto kRoutingFields = std::to_array<std::string_view>(
    {"request_id", "reply_to", "timeout_ms", "deadline", "priority", "idempotent", "idempotency_key"});
constexpr auto kIntentFields = std::to_array<std::string_view>(
    {"request_id", "reply_to",  "timeout_ms", "deadline", "priority", "idempotent", "idempotency_key",
     "intent",     "timestamp", "v",          "skill",    "script",   "args",       "input",
     "stdin",      "files",     "collect",    "env",      "stream",   "traceparent"});
constexpr auto kBodyFields = std::to_array<std::string_view>({"skill", "data", "task", "text", "query", "description"});
constexpr auto kTaskFields = std::to_array<std::string_view>({"task", "text", "query", "description"});
constexpr auto kSkillFields = std::to_array<std::string_view>({"name", "version"});
constexpr auto kFileFields = std::to_array<std::string_view>({"path", "content", "content_base64"});

RoutingFields take_routing(JsonFields& fields) {
  RoutingFields routing;
  routing.address = fields.address();
  if (const auto ms = fields.integer("timeout_ms", 1, limits::kTimeoutMax.count())) {
    routing.timeout = std::chrono::milliseconds(*ms);
  }
  routing.deadline = fields.number("deadline", 0, limits::kDeadlineSecondsMax);
  routing.priority =
      static_cast<int>(fields.integer("priority", 0, limits::kPriorityMax).value_or(limits::kPriorityDefault));
  routing.idempotent = fields.flag("idempotent");
  routing.idempotency_key = fields.id("idempotency_key");
  return routing;
}

struct SkillChoice {
  std::string name;  // Empty: none named.
  std::string version;
};

// `skill` as a name or as {name, version}; `fields` is the intent or its body.
SkillChoice take_skill(JsonFields& fields) {
  const JsonValue* value = fields.find("skill");
  if (value == nullptr) return {};
  if (value->kind == Kind::string) return {fields.text_without_nul("skill"), {}};
  if (value->kind != Kind::object) {
    fields.refuse("skill", describe(*value), "a string or an object {name, version}");
    return {};
  }
  auto skill = take_object(fields, "skill", kSkillFields);
  if (!skill) return {};
  if (skill->find("name") == nullptr) skill->refuse("name", "missing", "a string");
  SkillChoice choice{skill->text_without_nul("name"), skill->text_without_nul("version")};
  if (skill->error()) fields.refuse(*skill->error());
  return choice;
}

void choose_skill(SkillChoice choice, Intent& intent) {
  intent.skill = std::move(choice.name);
  intent.skill_version = std::move(choice.version);
}

// The texts of an object that say what is wanted, joined by line ends.
std::string joined_task(JsonFields& body) {
  std::string task;
  for (const std::string_view name : kTaskFields) {
    const JsonValue* value = body.find(name);
    if (value == nullptr || value->kind != Kind::string || value->text.empty()) continue;
    if (!task.empty()) task += '\n';
    task += utf8_prefix(value->text, limits::kMatchTextBytesMax);
  }
  return std::string(utf8_prefix(task, limits::kMatchTextBytesMax));
}

std::string data_text(JsonFields& body) {
  JsonValue* data = body.find("data");
  if (data == nullptr) return {};
  return data->kind == Kind::string ? std::move(data->text) : json_text(*data);
}

bool may_be_object(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && text[begin] == '{';
}

// What a structured body says about the run; a plain one is all text.
void take_body_parts(JsonFields& fields, Intent& intent) {
  if (may_be_object(intent.body)) {
    if (auto body = JsonFields::read(intent.body, kBodyFields, "intent.")) {
      intent.structured = true;
      SkillChoice inner = take_skill(*body);
      if (intent.skill.empty()) choose_skill(std::move(inner), intent);
      intent.task = joined_task(*body);
      if (intent.stdin_data.empty()) intent.stdin_data = data_text(*body);
      if (body->error()) fields.refuse(*body->error());
      return;
    }
  }
  intent.task = utf8_prefix(intent.body, limits::kMatchTextBytesMax);
  if (intent.stdin_data.empty()) intent.stdin_data = intent.body;
}

void take_body(JsonFields& fields, Intent& intent) {
  constexpr std::string_view kRule = "a string or an object";
  JsonValue* value = fields.find("intent");
  if (value == nullptr) return fields.refuse("intent", "missing", kRule);
  if (value->kind != Kind::string && value->kind != Kind::object) {
    return fields.refuse("intent", describe(*value), kRule);
  }
  intent.body = value->kind == Kind::string ? std::move(value->text) : std::string(value->raw);
  intent.stdin_data = fields.text("stdin");
  choose_skill(take_skill(fields), intent);
  take_body_parts(fields, intent);
}

void take_file(JsonFields& fields, const JsonValue& item, std::vector<InputFile>& files) {
  constexpr std::string_view kRule = "objects {path, content or content_base64}";
  if (item.kind != Kind::object) return fields.refuse("files", "an array with " + describe(item), kRule);
  auto read = JsonFields::read(item.raw, kFileFields, "files[" + std::to_string(files.size()) + "].");
  if (!read) return fields.refuse(std::move(read).error());
  JsonFields& file = *read;
  InputFile result{file.text_without_nul("path"), file.text("content")};
  if (result.path.empty()) file.refuse("path", "missing or empty", "a string");
  const bool has_base64 = file.find("content_base64") != nullptr;
  if (has_base64 == (file.find("content") != nullptr)) {
    file.refuse("content", has_base64 ? "given with content_base64" : "missing", "one of content and content_base64");
  }
  if (has_base64) {
    auto bytes = decode_base64(file.text("content_base64"));
    if (!bytes) file.refuse("content_base64", "not base64", kBase64Rule);
    if (bytes) result.content = std::move(*bytes);
  }
  if (file.error()) return fields.refuse(*file.error());
  files.push_back(std::move(result));
}

std::vector<InputFile> take_files(JsonFields& fields) {
  std::vector<InputFile> files;
  const JsonValue* value = fields.find("files");
  if (value == nullptr) return files;
  if (value->kind != Kind::array) {
    fields.refuse("files", describe(*value), "an array of objects");
    return files;
  }
  auto done = read_json_array(value->raw, [&](std::string&, JsonValue& item) {
    if (fields.error()) return;
    if (files.size() == limits::kIntentItemsMax) return fields.refuse("files", "longer", "at most 1024 files");
    take_file(fields, item, files);
  });
  if (!done) fields.refuse(std::move(done).error());
  return files;
}

bool is_environment_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && name.size() <= limits::kRequestIdBytesMax && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// Values are secrets, so no message shows one.
void take_variable(JsonFields& fields, std::string& name, JsonValue& value, Environment& env) {
  constexpr std::string_view kRule = "names of 1..128 letters, digits and _ with strings without NUL as values";
  if (!is_environment_name(name)) return fields.refuse("env", "an object with another name", kRule);
  if (value.kind != Kind::string || value.text.find('\0') != std::string::npos) {
    return fields.refuse("env", "an object with another value for " + name, kRule);
  }
  const auto same = std::find_if(env.begin(), env.end(), [&](const auto& entry) { return entry.first == name; });
  if (same != env.end()) {
    same->second = std::move(value.text);
  } else if (env.size() == limits::kIntentItemsMax) {
    fields.refuse("env", "longer", "at most 1024 names");
  } else {
    env.emplace_back(std::move(name), std::move(value.text));
  }
}

Environment take_env(JsonFields& fields) {
  Environment env;
  const JsonValue* value = fields.find("env");
  if (value == nullptr) return env;
  if (value->kind != Kind::object) {
    fields.refuse("env", "not an object", "an object of strings");
    return env;
  }
  auto done = read_json_object(value->raw, [&](std::string& name, JsonValue& item) {
    if (!fields.error()) take_variable(fields, name, item, env);
  });
  if (!done) fields.refuse(std::move(done).error());
  return env;
}

std::string take_traceparent(JsonFields& fields) {
  std::string value = fields.text("traceparent");
  const auto is_printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (value.size() > limits::kTraceparentBytesMax || !std::all_of(value.begin(), value.end(), is_printable)) {
    fields.refuse("traceparent", "a longer or unprintable string", "at most 256 printable ASCII characters");
  }
  return value;
}

void take_run(JsonFields& fields, Intent& intent) {
  fields.integer("v", 1, 1);
  intent.timestamp = fields.number("timestamp", -kInfinity, kInfinity);
  intent.script = fields.text_without_nul("script");
  intent.args = fields.texts("args");
  if (const JsonValue* input = fields.find("input")) intent.input_json = json_text(*input);
  intent.files = take_files(fields);
  intent.collect = fields.texts("collect");
  intent.env = take_env(fields);
  intent.stream = fields.flag("stream");
  intent.traceparent = take_traceparent(fields);
}

void move_routing(RoutingFields routing, Intent& intent) {
  intent.address = std::move(routing.address);
  intent.timeout = routing.timeout;
  intent.deadline = routing.deadline;
  intent.priority = routing.priority;
  intent.idempotent = routing.idempotent;
  intent.idempotency_key = std::move(routing.idempotency_key);
}

std::string file_array(const std::vector<InputFile>& files) {
  std::vector<std::string> items;
  items.reserve(files.size());
  for (const InputFile& file : files) {
    JsonObjectWriter item;
    item.text("path", file.path);
    if (is_valid_utf8(file.content)) {
      item.text("content", file.content);
    } else {
      item.text("content_base64", encode_base64(file.content));
    }
    items.push_back(item.take());
  }
  return json_array(items);
}

std::string env_object(const Environment& env) {
  JsonObjectWriter out;
  for (const auto& [name, value] : env) out.text(name, value);
  return out.take();
}

// True when the receiver derives the same from the body.
bool is_derived_stdin(const Intent& intent) {
  if (intent.stdin_data.empty()) return true;
  if (!intent.structured) return intent.stdin_data == intent.body;
  auto body = JsonFields::read(intent.body, kBodyFields);
  return body && data_text(*body) == intent.stdin_data;
}

void write_skill(JsonObjectWriter& out, const Intent& intent) {
  if (intent.skill.empty()) return;
  if (intent.skill_version.empty()) {
    out.text("skill", intent.skill);
    return;
  }
  JsonObjectWriter skill;
  out.raw("skill", skill.text("name", intent.skill).text("version", intent.skill_version).take());
}

void write_what(JsonObjectWriter& out, const Intent& intent) {
  out.text("intent", intent.body);
  write_skill(out, intent);
  write_text(out, "script", intent.script);
  if (!intent.args.empty()) out.raw("args", string_array(intent.args));
  // What is not JSON goes as a string: the message as a whole must stay JSON.
  if (intent.input_json) {
    out.raw("input", is_json(*intent.input_json) ? *intent.input_json : quote_json(*intent.input_json));
  }
  if (!is_derived_stdin(intent)) out.text("stdin", intent.stdin_data);
  if (!intent.files.empty()) out.raw("files", file_array(intent.files));
  if (!intent.collect.empty()) out.raw("collect", string_array(intent.collect));
  if (!intent.env.empty()) out.raw("env", env_object(intent.env));
}

void write_how(JsonObjectWriter& out, const Intent& intent) {
  write_number(out, "timestamp", intent.timestamp);
  if (intent.timeout) out.integer("timeout_ms", intent.timeout->count());
  write_number(out, "deadline", intent.deadline);
  if (intent.priority != limits::kPriorityDefault) out.integer("priority", intent.priority);
  if (intent.idempotent) out.flag("idempotent", true);
  write_text(out, "idempotency_key", intent.idempotency_key);
  if (intent.stream) out.flag("stream", true);
  write_text(out, "traceparent", intent.traceparent);
}

}  // namespace

Result<Intent> decode_intent(std::string_view bytes) {
  if (auto too_large = check_size(bytes)) return std::move(*too_large);
  auto fields = JsonFields::read(bytes, kIntentFields);
  if (!fields) return std::move(fields).error();
  Intent intent;
  move_routing(take_routing(*fields), intent);
  take_body(*fields, intent);
  take_run(*fields, intent);
  if (fields->error()) return *fields->error();
  return intent;
}

Result<RoutingFields> decode_routing(std::string_view bytes) {
  if (auto too_large = check_size(bytes)) return std::move(*too_large);
  auto fields = JsonFields::read(bytes, kRoutingFields);
  if (!fields) return std::move(fields).error();
  RoutingFields routing = take_routing(*fields);
  if (fields->error()) return *fields->error();
  return routing;
}

std::string encode_intent(const Intent& intent) {
  JsonObjectWriter out;
  out.text("request_id", intent.address.request_id).text("reply_to", intent.address.reply_to);
  write_what(out, intent);
  write_how(out, intent);
  return out.take();
}

}  // namespace skillscale
