#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base64.h"
#include "protocol/codec.h"
#include "protocol/codec_parts.h"
#include "protocol/json_fields.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"

namespace skillscale {
namespace {

using Kind = JsonValue::Kind;

// Up to here every integer is a double, so that no reader of JSON rounds it.
constexpr std::int64_t kExactMax = std::int64_t{1} << 53;

constexpr auto kReplyFields = std::to_array<std::string_view>(
    {"request_id", "status",   "content", "error",    "code",        "timestamp", "skill",
     "version",    "digest",   "server",  "exit",     "stderr_tail", "truncated", "outputs",
     "artifacts",  "warnings", "usage",   "last_seq", "timing_ms",   "attempt"});
constexpr auto kArtifactFields = std::to_array<std::string_view>({"path", "mime", "size", "sha256", "content_base64"});
constexpr auto kUsageFields = std::to_array<std::string_view>({"cpu_ms", "max_rss_kb", "bytes_in", "bytes_out"});
constexpr auto kExitFields = std::to_array<std::string_view>({"code", "signal", "timed_out"});
constexpr auto kTruncatedFields = std::to_array<std::string_view>({"stdout", "stderr"});
constexpr auto kTimingFields = std::to_array<std::string_view>({"held", "queued", "spawn", "run"});

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
