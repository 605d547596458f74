#include "agent-client/messages.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "bus/sockets.h"
#include "protocol/catalog.h"
#include "protocol/codec.h"
#include "protocol/topic.h"

namespace skillscale::agent {
namespace {

Error refuse(std::string detail) { return {ErrorCode::invalid_request, std::move(detail)}; }

bool is_waiting_time(std::chrono::milliseconds time) {
  return time >= std::chrono::milliseconds(1) && time <= limits::kTimeoutMax;
}

std::string waiting_time_text(std::string_view name, std::chrono::milliseconds time) {
  return std::string(name) + " is " + std::to_string(time.count()) + " ms; allowed are 1 to " +
         std::to_string(limits::kTimeoutMax.count()) + " ms (7 days)";
}

Result<void> check_times(const IntentOptions& options) {
  if (options.timeout && !is_waiting_time(*options.timeout)) {
    return refuse(waiting_time_text("timeout", *options.timeout));
  }
  if (options.run_timeout && !is_waiting_time(*options.run_timeout)) {
    return refuse(waiting_time_text("run_timeout", *options.run_timeout));
  }
  return {};
}

Result<void> check_names(const IntentOptions& options) {
  const auto too_long = [](std::string_view name, const std::string& value) {
    return refuse(std::string(name) + " has " + std::to_string(value.size()) + " bytes; allowed are at most " +
                  std::to_string(limits::kRequestIdBytesMax));
  };
  if (options.request_id.size() > limits::kRequestIdBytesMax) return too_long("request_id", options.request_id);
  if (options.idempotency_key.size() > limits::kRequestIdBytesMax) {
    return too_long("idempotency_key", options.idempotency_key);
  }
  if (!options.skill_version.empty() && options.skill.empty()) {
    return refuse("skill_version is set without skill; name the skill too");
  }
  if (options.priority < 0 || options.priority > limits::kPriorityMax) {
    return refuse("priority is " + std::to_string(options.priority) + "; allowed are 0 to 9");
  }
  return {};
}

// JSON carries text only.
Result<void> check_texts(const Request& request) {
  const IntentOptions& options = request.options;
  const auto bad = [](std::string_view name) {
    return refuse(std::string(name) + " is not UTF-8 text; convert it, or encode binary data as text (base64)");
  };
  if (!is_valid_utf8(request.intent)) return bad("the intent");
  if (options.data && !is_valid_utf8(*options.data)) return bad("data");
  const std::pair<std::string_view, const std::string&> fields[] = {
      {"skill", options.skill},           {"skill_version", options.skill_version},
      {"script", options.script},         {"idempotency_key", options.idempotency_key},
      {"request_id", options.request_id}, {"traceparent", options.traceparent}};
  for (const auto& [name, value] : fields) {
    if (!is_valid_utf8(value)) return bad(name);
  }
  for (const std::string& argument : options.args) {
    if (!is_valid_utf8(argument)) return bad("an element of args");
  }
  for (const std::string& pattern : options.collect) {
    if (!is_valid_utf8(pattern)) return bad("an element of collect");
  }
  for (const InputFile& file : options.files) {
    if (!is_valid_utf8(file.path)) return bad("the path of a file");
  }
  for (const auto& [name, value] : options.env) {
    if (!is_valid_utf8(name) || !is_valid_utf8(value)) return bad("a variable of env");
  }
  if (!options.input_json.empty() && !nlohmann::json::accept(options.input_json)) {
    return refuse("input_json is not JSON");
  }
  return {};
}

Result<void> check_topic(const std::string& topic) {
  if (is_topic(topic)) return {};
  return refuse(
      "\"" + to_valid_utf8(utf8_prefix(topic, limits::kTopicBytesMax)) +
      "\" is not a topic; allowed are 1 to 128 letters, digits and . _ : -, beginning with a letter or digit");
}

Result<void> check_request(const Request& request) {
  if (auto checked = check_topic(request.topic); !checked) return checked;
  if (auto checked = check_names(request.options); !checked) return checked;
  if (auto checked = check_times(request.options); !checked) return checked;
  return check_texts(request);
}

bool is_json_object(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && text[first] == '{' && nlohmann::json::accept(text);
}

Intent make_intent(const Request& request, const std::string& reply_topic, WallTime now) {
  const IntentOptions& options = request.options;
  Intent intent;
  intent.address = {options.request_id, reply_topic};
  intent.body = request.intent;
  intent.structured = is_json_object(request.intent);
  intent.skill = options.skill;
  intent.skill_version = options.skill_version;
  intent.script = options.script;
  intent.args = options.args;
  if (!options.input_json.empty()) intent.input_json = options.input_json;
  for (const InputFile& file : options.files) intent.files.push_back({file.path, file.content});
  intent.collect = options.collect;
  intent.env = options.env;
  // Without data the receiver finds standard input in the intent itself.
  if (options.data) {
    intent.stdin_data = *options.data;
  } else if (!intent.structured) {
    intent.stdin_data = intent.body;
  }
  intent.timestamp = to_epoch_seconds(now);
  intent.timeout = options.run_timeout;
  if (options.deadline) intent.deadline = to_epoch_seconds(*options.deadline);
  intent.priority = options.priority;
  intent.idempotent = options.idempotent;
  intent.idempotency_key = options.idempotency_key;
  intent.stream = options.stream;
  intent.traceparent = options.traceparent;
  return intent;
}

// The public mirror of a reply; `json` is set by the caller.
Reply mirror(skillscale::Reply reply) {
  Reply out;
  out.request_id = std::move(reply.request_id);
  out.success = reply.success;
  out.content = std::move(reply.content);
  out.error = std::move(reply.error);
  out.code = std::move(reply.code);
  out.skill = std::move(reply.skill);
  out.version = std::move(reply.version);
  out.server = std::move(reply.server);
  out.attempt = reply.attempt;
  if (reply.exit) {
    out.exit_code = reply.exit->code;
    out.exit_signal = reply.exit->signal;
    out.run_timed_out = reply.exit->timed_out;
  }
  out.stderr_tail = std::move(reply.stderr_tail);
  out.stdout_truncated = reply.truncated.out;
  out.stderr_truncated = reply.truncated.err;
  out.last_seq = reply.last_seq;
  out.outputs_json = std::move(reply.outputs_json);
  for (auto& artifact : reply.artifacts) {
    out.artifacts.push_back(
        {std::move(artifact.path), std::move(artifact.mime), std::move(artifact.sha256), std::move(artifact.content)});
  }
  out.warnings = std::move(reply.warnings);
  out.digest = std::move(reply.digest);
  if (reply.usage) {
    out.cpu_ms = reply.usage->cpu_ms;
    out.max_rss_kb = reply.usage->max_rss_kb;
    out.bytes_in = reply.usage->bytes_in;
    out.bytes_out = reply.usage->bytes_out;
  }
  out.timestamp = reply.timestamp;
  out.held_ms = reply.timing_ms.held;
  out.queued_ms = reply.timing_ms.queued;
  out.spawn_ms = reply.timing_ms.spawn;
  out.run_ms = reply.timing_ms.run;
  return out;
}

}  // namespace

Result<std::string> encode_request(const Request& request, const std::string& reply_topic, WallTime now) {
  if (auto checked = check_request(request); !checked) return checked.error();
  std::string payload = encode_intent(make_intent(request, reply_topic, now));
  if (payload.size() <= limits::kMessageBytesMax) return payload;
  return Error{ErrorCode::too_large, "the intent has " + std::to_string(payload.size()) +
                                         " bytes as JSON; a message may have at most " +
                                         std::to_string(limits::kMessageBytesMax)};
}

Result<std::string> encode_question(const std::string& topic, const CatalogQuestion& question,
                                    const ReturnAddress& address) {
  using Kind = CatalogQuestion::Kind;
  if (auto checked = check_topic(topic); !checked) return checked.error();
  if (question.timeout && !is_waiting_time(*question.timeout)) {
    return refuse(waiting_time_text("timeout", *question.timeout));
  }
  const bool named = question.kind != Kind::list;
  if (named && question.skill.empty()) return refuse("skill is empty; name the skill");
  if (question.kind == Kind::read && question.path.empty()) return refuse("path is empty; name a file of the skill");
  if (!is_valid_utf8(question.skill) || !is_valid_utf8(question.path)) return refuse("skill or path is not UTF-8 text");
  CatalogRequest request;
  request.address = address;
  request.op = question.kind == Kind::list   ? CatalogRequest::Op::list
               : question.kind == Kind::show ? CatalogRequest::Op::show
                                             : CatalogRequest::Op::read;
  if (named) request.skill = question.skill;
  if (question.kind == Kind::read) request.path = question.path;
  return encode_catalog_request(request);
}

Result<Reply> decode_answer(std::string_view bytes) {
  auto decoded = decode_reply(bytes);
  if (!decoded) return decoded.error();
  Reply reply = mirror(std::move(*decoded));
  reply.json = bytes;
  return reply;
}

Event mirror_event(const skillscale::Event& event, std::uint64_t missed, std::string_view json) {
  // The public kinds are those of the wire, in the same order.
  static_assert(static_cast<std::size_t>(Event::Kind::artifact) + 1 == kEventKinds);
  Event out;
  out.request_id = event.request_id;
  out.kind = static_cast<Event::Kind>(event.kind);
  out.seq = event.seq;
  out.missed = missed;
  out.server = event.server;
  out.attempt = event.attempt;
  out.data = event.data;
  out.progress = event.progress;
  out.message = event.message;
  out.path = event.path;
  out.mime = event.mime;
  out.size = event.size;
  out.sha256 = event.sha256;
  out.json = json;
  return out;
}

Reply local_reply(const std::string& request_id, ErrorCode code, std::string error, WallTime now) {
  auto made = skillscale::Reply::failure(request_id, code, std::move(error));
  made.timestamp = to_epoch_seconds(now);
  std::string json = encode_reply(made);
  Reply reply = mirror(std::move(made));
  reply.from_client = true;
  reply.json = std::move(json);
  return reply;
}

Result<void> check_options(const ClientOptions& options) {
  const auto wrong = [](std::string detail) { return Error{ErrorCode::invalid_config, std::move(detail)}; };
  if (options.proxies.empty() || options.proxies.size() > limits::kAgentProxiesMax) {
    return wrong("proxies has " + std::to_string(options.proxies.size()) + " elements; allowed are 1 to " +
                 std::to_string(limits::kAgentProxiesMax));
  }
  for (const Proxy& proxy : options.proxies) {
    if (auto checked = check_endpoint(proxy.publish_endpoint); !checked) return checked;
    if (auto checked = check_endpoint(proxy.subscribe_endpoint); !checked) return checked;
  }
  if (options.agent_id.size() > limits::kAgentIdBytesMax || !is_topic("AGENT_REPLY_" + options.agent_id)) {
    return wrong("agent_id is not allowed; letters, digits and . _ : - are, at most " +
                 std::to_string(limits::kAgentIdBytesMax) + " of them");
  }
  if (!is_waiting_time(options.connect_timeout)) {
    return wrong(waiting_time_text("connect_timeout", options.connect_timeout));
  }
  if (!is_waiting_time(options.default_timeout)) {
    return wrong(waiting_time_text("default_timeout", options.default_timeout));
  }
  if (options.pending_max < 1 || options.pending_max > limits::kAgentPendingMax) {
    return wrong("pending_max is " + std::to_string(options.pending_max) + "; allowed are 1 to " +
                 std::to_string(limits::kAgentPendingMax));
  }
  return {};
}

}  // namespace skillscale::agent
