#include "protocol/codec.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/base64.h"
#include "protocol/json_fields.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

using Kind = JsonValue::Kind;

using Environment = std::vector<std::pair<std::string, std::string>>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Up to here every integer is a double, so that no reader of JSON rounds it.
constexpr std::int64_t kExactMax = std::int64_t{1} << 53;
constexpr std::string_view kBase64Rule = "RFC 4648 base64, padded, on one line";

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
constexpr auto kReplyFields = std::to_array<std::string_view>(
    {"request_id", "status",   "content", "error",    "code",        "timestamp", "skill",
     "version",    "digest",   "server",  "exit",     "stderr_tail", "truncated", "outputs",
     "artifacts",  "warnings", "usage",   "last_seq", "timing_ms",   "attempt"});
constexpr auto kArtifactFields = std::to_array<std::string_view>({"path", "mime", "size", "sha256", "content_base64"});
constexpr auto kUsageFields = std::to_array<std::string_view>({"cpu_ms", "max_rss_kb", "bytes_in", "bytes_out"});
constexpr auto kExitFields = std::to_array<std::string_view>({"code", "signal", "timed_out"});
constexpr auto kTruncatedFields = std::to_array<std::string_view>({"stdout", "stderr"});
constexpr auto kTimingFields = std::to_array<std::string_view>({"held", "queued", "spawn", "run"});

std::optional<Error> check_size(std::string_view bytes) {
  if (bytes.size() <= limits::kMessageBytesMax) return std::nullopt;
  return Error{ErrorCode::too_large, "the message has " + std::to_string(bytes.size()) + " bytes; allowed are " +
                                         std::to_string(limits::kMessageBytesMax)};
}

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

// Reads the members of an object member; nothing when it is not given or wrong.
std::optional<JsonFields> take_object(JsonFields& fields, std::string_view name,
                                      std::span<const std::string_view> known) {
  const JsonValue* value = fields.find(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind != Kind::object) {
    fields.refuse(name, describe(*value), "an object");
    return std::nullopt;
  }
  auto members = JsonFields::read(value->raw, known, std::string(name) + ".");
  if (members) return std::move(members).value();
  fields.refuse(std::move(members).error());
  return std::nullopt;
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

// --- encoding -------------------------------------------------------------------

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

void write_text(JsonObjectWriter& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.text(name, value);
}

void write_number(JsonObjectWriter& out, std::string_view name, std::optional<double> value) {
  if (value) out.number(name, *value);
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

void write_exit(JsonObjectWriter& out, const std::optional<Reply::Exit>& exit) {
  if (!exit) return;
  JsonObjectWriter object;
  if (exit->code) object.integer("code", *exit->code);
  if (exit->signal) object.integer("signal", *exit->signal);
  out.raw("exit", object.flag("timed_out", exit->timed_out).take());
}

// What is not an object, or is nested too deep to be read again, is left out: the
// message as a whole must stay a reply.
void write_outputs(JsonObjectWriter& out, const std::string& json) {
  if (json.empty()) return;
  std::size_t objects = 0;
  std::size_t others = 0;
  const auto read = read_json_array(
      "[" + json + "]", [&](std::string&, JsonValue& value) { ++(value.kind == Kind::object ? objects : others); });
  if (read && objects == 1 && others == 0) out.raw("outputs", json);
}

void write_artifacts(JsonObjectWriter& out, const std::vector<Artifact>& artifacts) {
  if (artifacts.empty()) return;
  std::vector<std::string> items;
  items.reserve(artifacts.size());
  for (const Artifact& artifact : artifacts) {
    JsonObjectWriter item;
    item.text("path", artifact.path);
    write_text(item, "mime", artifact.mime);
    item.integer("size", static_cast<std::int64_t>(artifact.content.size()));
    write_text(item, "sha256", artifact.sha256);
    items.push_back(item.text("content_base64", encode_base64(artifact.content)).take());
  }
  out.raw("artifacts", json_array(items));
}

void write_usage(JsonObjectWriter& out, const std::optional<Reply::Usage>& usage) {
  if (!usage) return;
  JsonObjectWriter object;
  object.number("cpu_ms", usage->cpu_ms).integer("max_rss_kb", static_cast<std::int64_t>(usage->max_rss_kb));
  object.integer("bytes_in", static_cast<std::int64_t>(usage->bytes_in));
  out.raw("usage", object.integer("bytes_out", static_cast<std::int64_t>(usage->bytes_out)).take());
}

void write_timing(JsonObjectWriter& out, const Reply::Timing& timing) {
  if (timing == Reply::Timing{}) return;
  JsonObjectWriter object;
  write_number(object, "held", timing.held);
  write_number(object, "queued", timing.queued);
  write_number(object, "spawn", timing.spawn);
  write_number(object, "run", timing.run);
  out.raw("timing_ms", object.take());
}

// --- replies --------------------------------------------------------------------

void take_outcome(JsonFields& fields, Reply& reply) {
  constexpr std::string_view kRule = "\"success\" or \"error\"";
  if (fields.find("request_id") == nullptr) fields.refuse("request_id", "missing", "a string of 1..128 bytes");
  reply.request_id = fields.id("request_id");
  const JsonValue* status = fields.find("status");
  if (status == nullptr) return fields.refuse("status", "missing", kRule);
  reply.success = status->kind == Kind::string && status->text == "success";
  const bool failed = status->kind == Kind::string && status->text == "error";
  if (!reply.success && !failed) fields.refuse("status", describe(*status), kRule);
}

void take_exit(JsonFields& fields, Reply& reply) {
  auto object = take_object(fields, "exit", kExitFields);
  if (!object) return;
  constexpr int kMax = std::numeric_limits<int>::max();
  Reply::Exit exit;
  if (const auto code = object->integer("code", -kMax, kMax)) exit.code = static_cast<int>(*code);
  if (const auto signal = object->integer("signal", 0, kMax)) exit.signal = static_cast<int>(*signal);
  exit.timed_out = object->flag("timed_out");
  reply.exit = exit;
  if (object->error()) fields.refuse(*object->error());
}

void take_truncated(JsonFields& fields, Reply& reply) {
  auto truncated = take_object(fields, "truncated", kTruncatedFields);
  if (!truncated) return;
  reply.truncated.out = truncated->flag("stdout");
  reply.truncated.err = truncated->flag("stderr");
  if (truncated->error()) fields.refuse(*truncated->error());
}

void take_timing(JsonFields& fields, Reply& reply) {
  auto timing = take_object(fields, "timing_ms", kTimingFields);
  if (!timing) return;
  reply.timing_ms.held = timing->number("held", 0, kInfinity);
  reply.timing_ms.queued = timing->number("queued", 0, kInfinity);
  reply.timing_ms.spawn = timing->number("spawn", 0, kInfinity);
  reply.timing_ms.run = timing->number("run", 0, kInfinity);
  if (timing->error()) fields.refuse(*timing->error());
}

void take_artifact(JsonFields& fields, const JsonValue& item, std::vector<Artifact>& artifacts) {
  constexpr std::string_view kRule = "objects {path, mime, size, sha256, content_base64}";
  if (item.kind != Kind::object) return fields.refuse("artifacts", "an array with " + describe(item), kRule);
  auto read = JsonFields::read(item.raw, kArtifactFields, "artifacts[" + std::to_string(artifacts.size()) + "].");
  if (!read) return fields.refuse(std::move(read).error());
  JsonFields& object = *read;
  Artifact artifact{.path = object.text_without_nul("path"),
                    .mime = object.text("mime"),
                    .sha256 = object.text("sha256"),
                    .content{}};
  if (artifact.path.empty()) object.refuse("path", "missing or empty", "a string");
  object.integer("size", 0, kExactMax);  // Known from the content.
  auto bytes = decode_base64(object.text("content_base64"));
  if (!bytes) object.refuse("content_base64", "not base64", kBase64Rule);
  if (bytes) artifact.content = std::move(*bytes);
  if (object.error()) return fields.refuse(*object.error());
  artifacts.push_back(std::move(artifact));
}

void take_artifacts(JsonFields& fields, Reply& reply) {
  const JsonValue* value = fields.find("artifacts");
  if (value == nullptr) return;
  if (value->kind != Kind::array) return fields.refuse("artifacts", describe(*value), "an array of objects");
  auto done = read_json_array(value->raw, [&](std::string&, JsonValue& item) {
    if (fields.error()) return;
    if (reply.artifacts.size() == limits::kIntentItemsMax) {
      return fields.refuse("artifacts", "longer", "at most 1024 artifacts");
    }
    take_artifact(fields, item, reply.artifacts);
  });
  if (!done) fields.refuse(std::move(done).error());
}

void take_outputs(JsonFields& fields, Reply& reply) {
  const JsonValue* value = fields.find("outputs");
  if (value == nullptr) return;
  if (value->kind != Kind::object) return fields.refuse("outputs", describe(*value), "an object");
  reply.outputs_json = value->raw;
}

void take_usage(JsonFields& fields, Reply& reply) {
  auto object = take_object(fields, "usage", kUsageFields);
  if (!object) return;
  const auto count = [&](std::string_view name) {
    return static_cast<std::uint64_t>(object->integer(name, 0, kExactMax).value_or(0));
  };
  reply.usage = Reply::Usage{.cpu_ms = object->number("cpu_ms", 0, kInfinity).value_or(0),
                             .max_rss_kb = count("max_rss_kb"),
                             .bytes_in = count("bytes_in"),
                             .bytes_out = count("bytes_out")};
  if (object->error()) fields.refuse(*object->error());
}

Reply take_reply(JsonFields& fields) {
  Reply reply;
  take_outcome(fields, reply);
  reply.content = fields.text("content");
  reply.error = fields.text("error");
  reply.code = fields.text("code");
  reply.timestamp = fields.number("timestamp", -kInfinity, kInfinity).value_or(0);
  reply.skill = fields.text("skill");
  reply.version = fields.text("version");
  reply.digest = fields.text("digest");
  reply.server = fields.text("server");
  reply.stderr_tail = fields.text("stderr_tail");
  take_exit(fields, reply);
  take_truncated(fields, reply);
  take_outputs(fields, reply);
  take_artifacts(fields, reply);
  reply.warnings = fields.texts("warnings");
  take_usage(fields, reply);
  if (const auto seq = fields.integer("last_seq", 0, kExactMax)) reply.last_seq = static_cast<std::uint64_t>(*seq);
  take_timing(fields, reply);
  reply.attempt =
      static_cast<std::uint32_t>(fields.integer("attempt", 1, std::numeric_limits<std::uint32_t>::max()).value_or(1));
  return reply;
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

Result<Reply> decode_reply(std::string_view bytes) {
  if (auto too_large = check_size(bytes)) return std::move(*too_large);
  auto fields = JsonFields::read(bytes, kReplyFields);
  if (!fields) return std::move(fields).error();
  Reply reply = take_reply(*fields);
  if (fields->error()) return *fields->error();
  return reply;
}

std::string encode_reply(const Reply& reply) {
  JsonObjectWriter out;
  out.text("request_id", reply.request_id).text("status", reply.success ? "success" : "error");
  out.text("content", reply.content).text("error", reply.error).number("timestamp", reply.timestamp);
  write_text(out, "code", reply.code);
  write_text(out, "skill", reply.skill);
  write_text(out, "version", reply.version);
  write_text(out, "digest", reply.digest);
  write_text(out, "server", reply.server);
  write_exit(out, reply.exit);
  write_text(out, "stderr_tail", reply.stderr_tail);
  if (reply.truncated != Reply::Truncated{}) {
    JsonObjectWriter truncated;
    out.raw("truncated", truncated.flag("stdout", reply.truncated.out).flag("stderr", reply.truncated.err).take());
  }
  write_outputs(out, reply.outputs_json);
  write_artifacts(out, reply.artifacts);
  if (!reply.warnings.empty()) out.raw("warnings", string_array(reply.warnings));
  write_usage(out, reply.usage);
  if (reply.last_seq) out.integer("last_seq", static_cast<std::int64_t>(*reply.last_seq));
  write_timing(out, reply.timing_ms);
  return out.integer("attempt", reply.attempt).take();
}

Reply Reply::failure(std::string request_id, ErrorCode code, std::string error) {
  Reply reply;
  reply.request_id = std::move(request_id);
  reply.code = name_of(code);
  reply.error = std::move(error);
  return reply;
}

}  // namespace skillscale
