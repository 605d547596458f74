#include "protocol/event.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/base64.h"
#include "protocol/json_fields.h"
#include "protocol/json_writer.h"

namespace skillscale {
namespace {

// In the order of EventKind.
constexpr auto kNames =
    std::to_array<std::string_view>({"accepted", "started", "stdout", "stderr", "progress", "artifact"});

static_assert(kNames.size() == kEventKinds);

constexpr auto kFields =
    std::to_array<std::string_view>({"request_id", "event", "seq", "server", "attempt", "data", "data_base64",
                                     "progress", "message", "path", "mime", "size", "sha256"});

constexpr std::size_t kSha256Digits = 64;

void require(JsonFields& fields, std::string_view name, std::string_view allowed) {
  if (fields.find(name) == nullptr) fields.refuse(name, "missing", allowed);
}

void take_kind(JsonFields& fields, Event& event) {
  constexpr std::string_view kRule = "accepted, started, stdout, stderr, progress or artifact";
  const JsonValue* value = fields.find("event");
  if (value == nullptr) return fields.refuse("event", "missing", kRule);
  const auto kind =
      value->kind == JsonValue::Kind::string ? event_kind_from_name(value->text) : std::optional<EventKind>();
  if (!kind) return fields.refuse("event", describe(*value), kRule);
  event.kind = *kind;
}

void take_data(JsonFields& fields, Event& event) {
  const bool has_base64 = fields.find("data_base64") != nullptr;
  if (has_base64 == (fields.find("data") != nullptr)) {
    fields.refuse("data", has_base64 ? "given with data_base64" : "missing", "one of data and data_base64");
  }
  event.data = fields.text("data");
  if (!has_base64) return;
  auto bytes = decode_base64(fields.text("data_base64"));
  if (!bytes) return fields.refuse("data_base64", "not base64", "RFC 4648 base64, padded, on one line");
  event.data = std::move(*bytes);
}

void take_progress(JsonFields& fields, Event& event) {
  require(fields, "progress", "a number from 0 to 1");
  event.progress = fields.number("progress", 0, 1).value_or(0);
  event.message = fields.text("message");
}

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void take_artifact(JsonFields& fields, Event& event) {
  event.path = fields.text_without_nul("path");
  if (event.path.empty()) fields.refuse("path", "missing or empty", "a string");
  event.mime = fields.text("mime");
  require(fields, "size", "an integer");
  event.size =
      static_cast<std::uint64_t>(fields.integer("size", 0, static_cast<std::int64_t>(Event::kSeqMax)).value_or(0));
  event.sha256 = fields.text("sha256");
  if (!is_sha256(event.sha256)) fields.refuse("sha256", "another text, or missing", "64 digits of 0-9a-f");
}

void take_parts(JsonFields& fields, Event& event) {
  switch (event.kind) {
    case EventKind::accepted:
    case EventKind::started:
      return;
    case EventKind::out:
    case EventKind::err:
      return take_data(fields, event);
    case EventKind::progress:
      return take_progress(fields, event);
    case EventKind::artifact:
      return take_artifact(fields, event);
  }
}

void write_parts(JsonObjectWriter& out, const Event& event) {
  switch (event.kind) {
    case EventKind::accepted:
    case EventKind::started:
      return;
    case EventKind::out:
    case EventKind::err:
      if (is_valid_utf8(event.data)) {
        out.text("data", event.data);
      } else {
        out.text("data_base64", encode_base64(event.data));
      }
      return;
    case EventKind::progress:
      out.number("progress", event.progress);
      if (!event.message.empty()) out.text("message", event.message);
      return;
    case EventKind::artifact:
      out.text("path", event.path);
      if (!event.mime.empty()) out.text("mime", event.mime);
      out.integer("size", static_cast<std::int64_t>(event.size)).text("sha256", event.sha256);
      return;
  }
}

}  // namespace

std::string_view name_of(EventKind kind) noexcept { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<EventKind> event_kind_from_name(std::string_view name) noexcept {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<EventKind>(found - kNames.begin());
}

std::string encode_event(const Event& event) {
  JsonObjectWriter out;
  out.text("request_id", event.request_id).text("event", name_of(event.kind));
  out.integer("seq", static_cast<std::int64_t>(event.seq));
  if (!event.server.empty()) out.text("server", event.server);
  if (event.attempt != 1) out.integer("attempt", event.attempt);
  write_parts(out, event);
  return out.take();
}

Result<Event> decode_event(std::string_view bytes) {
  if (bytes.size() > limits::kMessageBytesMax) {
    return Error{ErrorCode::too_large, "the event has " + std::to_string(bytes.size()) + " bytes; allowed are " +
                                           std::to_string(limits::kMessageBytesMax)};
  }
  auto fields = JsonFields::read(bytes, kFields);
  if (!fields) return std::move(fields).error();
  Event event;
  require(*fields, "request_id", "a string of 1..128 bytes");
  event.request_id = fields->id("request_id");
  take_kind(*fields, event);
  require(*fields, "seq", "an integer");
  event.seq =
      static_cast<std::uint64_t>(fields->integer("seq", 0, static_cast<std::int64_t>(Event::kSeqMax)).value_or(0));
  event.server = fields->text("server");
  event.attempt =
      static_cast<std::uint32_t>(fields->integer("attempt", 1, std::numeric_limits<std::uint32_t>::max()).value_or(1));
  if (!fields->error()) take_parts(*fields, event);
  if (fields->error()) return *fields->error();
  return event;
}

}  // namespace skillscale
