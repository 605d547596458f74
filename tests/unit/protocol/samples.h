// Values that several tests of this folder encode and decode.
#pragma once

#include <string>
#include <vector>

#include "protocol/codec.h"
#include "protocol/event.h"

namespace skillscale {

// As decode_intent() makes them: what is derived from the body is filled in.
inline Intent minimal_intent() {
  Intent intent;
  intent.address = {"6f1a0c52", "AGENT_REPLY_0f8e7d6c5b4a39281706f5e4d3c2b1a0"};
  intent.body = "Summarise the attached report";
  intent.task = intent.body;
  intent.stdin_data = intent.body;
  return intent;
}

inline Intent structured_intent() {
  Intent intent = minimal_intent();
  intent.body = R"({"skill": "csv-analyzer", "data": "name,age\nZoë,41\n"})";
  intent.structured = true;
  intent.task.clear();
  intent.skill = "csv-analyzer";
  intent.stdin_data = "name,age\nZoë,41\n";
  return intent;
}

inline Intent full_intent() {
  Intent intent = minimal_intent();
  intent.skill = "text-summarizer";
  intent.skill_version = "1.2.0";
  intent.script = "scripts/summarise.py";
  intent.args = {"--sentences", "3"};
  intent.input_json = R"({"ratio":0.25})";
  intent.stdin_data = "Line one.\nLine \"two\".\t\x01";
  intent.files = {{"report.txt", "Größe"}, {"logo.bin", std::string("\x00\xff", 2)}};
  intent.collect = {"*.md"};
  intent.env = {{"API_TOKEN", "secret"}};
  intent.timestamp = 1763694249.125;
  intent.timeout = std::chrono::milliseconds(1500);
  intent.deadline = 1763694300;
  intent.priority = 9;
  intent.idempotent = true;
  intent.idempotency_key = "order-17";
  intent.stream = true;
  intent.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  return intent;
}

inline Reply success_reply() {
  Reply reply;
  reply.request_id = "6f1a0c52";
  reply.success = true;
  reply.content = "## Summary\n\nAll is well.\n";
  reply.timestamp = 1763694249.5;
  reply.skill = "text-summarizer";
  reply.version = "1.2.0";
  reply.server = "c0ffee00c0ffee00c0ffee00c0ffee00";
  reply.exit = Reply::Exit{0, std::nullopt, false};
  reply.timing_ms = {std::nullopt, 0.25, 0.5, 12.75};
  return reply;
}

inline Reply timed_out_reply() {
  Reply reply = success_reply();
  reply.success = false;
  reply.content = "half a li";
  reply.error = "the skill did not end within 1500 ms";
  reply.code = "timed_out";
  reply.exit = Reply::Exit{std::nullopt, 9, true};
  reply.stderr_tail = "working\n";
  reply.truncated = {true, false};
  reply.timing_ms.held = 100;
  reply.attempt = 2;
  return reply;
}

inline Reply artifacts_reply() {
  Reply reply = success_reply();
  reply.digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  reply.outputs_json = R"({"rows":3,"columns":["name","age"]})";
  reply.artifacts = {{.path = "out/table.csv",
                      .mime = "text/csv",
                      .sha256 = "4fb16b99eb23930000ef4e01bd4e1aac4c0d3ea1c1ffd1f0ab8d8a2d4a9b0a5c",
                      .content = "name,age\n"},
                     {.path = "logo.bin", .mime = {}, .sha256 = {}, .content = std::string("\x00\xff", 2)}};
  reply.warnings = {"csv-analyzer is deprecated; use table-analyzer"};
  reply.usage = Reply::Usage{.cpu_ms = 11.5, .max_rss_kb = 9216, .bytes_in = 17, .bytes_out = 36};
  reply.last_seq = 4;
  return reply;
}

// One of each kind, with text and with bytes that are none.
inline std::vector<Event> sample_events() {
  const auto event = [](EventKind kind, std::uint64_t seq) {
    Event made;
    made.request_id = "6f1a0c52";
    made.kind = kind;
    made.seq = seq;
    made.server = "c0ffee00c0ffee00c0ffee00c0ffee00";
    return made;
  };
  std::vector<Event> events = {event(EventKind::accepted, 0), event(EventKind::started, 1),
                               event(EventKind::out, 2),      event(EventKind::err, 3),
                               event(EventKind::progress, 4), event(EventKind::artifact, 5)};
  events[2].data = "Größe: \"12\"\n";
  events[3].data = std::string("\x00\xff", 2);
  events[3].attempt = 2;
  events[4].progress = 0.4;
  events[4].message = "page 2 of 5";
  events[5].path = "out/chart.svg";
  events[5].mime = "image/svg+xml";
  events[5].size = 1234;
  events[5].sha256 = std::string(32, 'a') + std::string(32, '0');
  return events;
}

inline std::vector<Intent> sample_intents() { return {minimal_intent(), structured_intent(), full_intent()}; }

inline std::vector<Reply> sample_replies() {
  Reply refused = Reply::failure("6f1a0c52", ErrorCode::no_skill_server, "no skill server serves TOPIC_X");
  refused.timestamp = 1763694249.5;
  return {success_reply(), timed_out_reply(), refused, artifacts_reply()};
}

}  // namespace skillscale
