#include "protocol/fabric.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "base/limits.h"
#include "protocol/json_fields.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

constexpr std::string_view kStart = "@s";
constexpr std::string_view kGiveBack = "@b";
constexpr std::string_view kAnnounce = "@a";
constexpr std::string_view kWho = "@who";
constexpr std::string_view kLeave = "@l";
constexpr std::size_t kTimeoutBytes = 4;
constexpr std::size_t kStartBytes = kStart.size() + Token::kBytes + 1 + kTimeoutBytes;

constexpr auto kAddressFields = std::to_array<std::string_view>({"request_id", "reply_to"});
constexpr auto kAnnounceFields = std::to_array<std::string_view>({"member", "runs"});
constexpr auto kRunFields = std::to_array<std::string_view>({"request_id", "reply_to", "topic", "idempotency_key"});
constexpr auto kFactFields = std::to_array<std::string_view>({"attempt", "held_ms", "catalog"});

void append_little_endian(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xffU));
}

std::uint64_t read_little_endian(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8U | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

// Reads one run of an announcement; false when it is malformed.
bool take_run(const JsonValue& item, std::vector<AnnounceFrame::Run>& runs) {
  if (item.kind != JsonValue::Kind::object) return false;
  auto fields = JsonFields::read(item.raw, kRunFields);
  if (!fields) return false;
  AnnounceFrame::Run run{fields->address(), fields->text("topic"), fields->id("idempotency_key")};
  if (fields->error() || !is_topic(run.topic)) return false;
  runs.push_back(std::move(run));
  return true;
}

std::optional<std::vector<AnnounceFrame::Run>> take_runs(JsonFields& fields) {
  const JsonValue* value = fields.find("runs");
  if (value == nullptr || value->kind != JsonValue::Kind::array) return std::nullopt;
  std::vector<AnnounceFrame::Run> runs;
  bool good = true;
  auto done = read_json_array(value->raw, [&](std::string&, JsonValue& item) {
    good = good && runs.size() < limits::kAnnouncedMax && take_run(item, runs);
  });
  if (!done || !good) return std::nullopt;
  return runs;
}

std::string encode_run(const AnnounceFrame::Run& run) {
  JsonObjectWriter out;
  out.text("request_id", run.address.request_id).text("reply_to", run.address.reply_to).text("topic", run.topic);
  if (!run.idempotency_key.empty()) out.text("idempotency_key", run.idempotency_key);
  return out.take();
}

}  // namespace

std::string encode_token(const Token& token) {
  std::string bytes;
  append_little_endian(bytes, token.slot, sizeof token.slot);
  append_little_endian(bytes, token.generation, sizeof token.generation);
  append_little_endian(bytes, token.proxy, sizeof token.proxy);
  return bytes;
}

std::optional<Token> parse_token(std::string_view bytes) noexcept {
  if (bytes.size() != Token::kBytes) return std::nullopt;
  return Token{static_cast<std::uint32_t>(read_little_endian(bytes.substr(0, 4))),
               static_cast<std::uint32_t>(read_little_endian(bytes.substr(4, 4))),
               read_little_endian(bytes.substr(8, 8))};
}

std::string encode_start(const StartFrame& frame) {
  std::string bytes(kStart);
  bytes.append(frame.token).push_back(frame.idempotent ? '\1' : '\0');
  const auto timeout = std::clamp(frame.timeout, std::chrono::milliseconds::zero(), limits::kTimeoutMax);
  append_little_endian(bytes, static_cast<std::uint64_t>(timeout.count()), kTimeoutBytes);
  return bytes;
}

std::optional<StartFrame> parse_start(std::string_view bytes) {
  if (bytes.size() != kStartBytes || !bytes.starts_with(kStart)) return std::nullopt;
  const std::string_view token = bytes.substr(kStart.size(), Token::kBytes);
  const char flags = bytes[kStart.size() + Token::kBytes];
  const std::chrono::milliseconds timeout(read_little_endian(bytes.substr(kStartBytes - kTimeoutBytes)));
  if ((flags != '\0' && flags != '\1') || timeout > limits::kTimeoutMax) return std::nullopt;
  return StartFrame{std::string(token), flags == '\1', timeout};
}

std::string encode_give_back(const GiveBackFrame& frame) { return std::string(kGiveBack) + frame.token; }

std::optional<GiveBackFrame> parse_give_back(std::string_view bytes) {
  if (bytes.size() != kGiveBack.size() + Token::kBytes || !bytes.starts_with(kGiveBack)) return std::nullopt;
  return GiveBackFrame{std::string(bytes.substr(kGiveBack.size()))};
}

std::string encode_leave(const LeaveFrame& frame) { return std::string(kLeave) + frame.member; }

std::optional<LeaveFrame> parse_leave(std::string_view bytes) {
  if (!bytes.starts_with(kLeave) || !parse_member_name(bytes.substr(kLeave.size()))) return std::nullopt;
  return LeaveFrame{std::string(bytes.substr(kLeave.size()))};
}

std::string encode_announce(const AnnounceFrame& frame) {
  JsonObjectWriter out;
  std::string runs = "[";
  std::size_t room = limits::kMessageBytesMax - limits::kKiB;
  for (std::size_t i = 0; i < std::min(frame.runs.size(), limits::kAnnouncedMax); ++i) {
    const std::string run = encode_run(frame.runs[i]);
    if (run.size() + 1 > room) break;
    room -= run.size() + 1;
    runs.append(i == 0 ? "" : ",").append(run);
  }
  return std::string(kAnnounce) + out.text("member", frame.member).raw("runs", runs + "]").take();
}

std::optional<AnnounceFrame> parse_announce(std::string_view bytes) {
  if (bytes.size() > limits::kMessageBytesMax || !bytes.starts_with(kAnnounce)) return std::nullopt;
  auto fields = JsonFields::read(bytes.substr(kAnnounce.size()), kAnnounceFields);
  if (!fields) return std::nullopt;
  AnnounceFrame frame{fields->text("member"), {}};
  auto runs = take_runs(*fields);
  if (fields->error() || !runs || !parse_member_name(frame.member)) return std::nullopt;
  frame.runs = std::move(*runs);
  return frame;
}

std::string encode_delivery_facts(const DeliveryFacts& facts) {
  JsonObjectWriter out;
  out.integer("attempt", facts.attempt).number("held_ms", facts.held_ms);
  if (facts.catalog) out.flag("catalog", true);
  return out.take();
}

std::optional<DeliveryFacts> parse_delivery_facts(std::string_view bytes) {
  auto fields = JsonFields::read(bytes, kFactFields);
  if (!fields) return std::nullopt;
  constexpr std::int64_t kAttempts = std::numeric_limits<std::uint32_t>::max();
  const auto attempt = fields->integer("attempt", 1, kAttempts);
  const auto held_ms = fields->number("held_ms", 0, std::numeric_limits<double>::max());
  const bool catalog = fields->flag("catalog");
  if (fields->error()) return std::nullopt;
  return DeliveryFacts{static_cast<std::uint32_t>(attempt.value_or(1)), held_ms.value_or(0), catalog};
}

std::string encode_who(const ReturnAddress& address) { return std::string(kWho) + encode_cancel(address); }

std::optional<ReturnAddress> parse_who(std::string_view bytes) {
  if (!bytes.starts_with(kWho)) return std::nullopt;
  return parse_cancel(bytes.substr(kWho.size()));
}

std::string encode_cancel(const ReturnAddress& address) {
  JsonObjectWriter out;
  return out.text("request_id", address.request_id).text("reply_to", address.reply_to).take();
}

std::optional<ReturnAddress> parse_cancel(std::string_view bytes) {
  auto fields = JsonFields::read(bytes, kAddressFields);
  if (!fields) return std::nullopt;
  ReturnAddress address = fields->address();
  if (fields->error()) return std::nullopt;
  return address;
}

}  // namespace skillscale
