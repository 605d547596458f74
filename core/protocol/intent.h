// An intent: one request for one skill run, as published by an agent (docs/protocol.md).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"

namespace skillscale {

// Where the final reply goes, and what it answers.
struct ReturnAddress {
  std::string request_id;  // Unique per agent.
  std::string reply_to;    // A topic.

  bool operator==(const ReturnAddress&) const = default;
};

struct InputFile {
  std::string path;     // Relative to the run's working folder; not yet checked.
  std::string content;  // Bytes, already decoded.

  bool operator==(const InputFile&) const = default;
};

struct Intent {
  ReturnAddress address;

  // What the skill is asked, as it receives it: the text of a string `intent`,
  // or the JSON text of an object.
  std::string body;
  // True when `body` is a JSON object (sent as one, or as a string that holds one).
  bool structured = false;
  // The text that is matched against the catalogue when no skill is named:
  // a plain `body`, or the members `task`, `text`, `query` or `description` of an
  // object, joined. Cut at kMatchTextBytesMax; never sent, always derived.
  std::string task;

  std::string skill;          // `skill` or `skill.name`, else `intent.skill`; empty: none named.
  std::string skill_version;  // Empty: any.

  std::string script;  // Empty: the skill's default.
  std::vector<std::string> args;
  std::optional<std::string> input_json;  // `input`, as JSON text.
  // What the script reads on standard input: the field `stdin`, else
  // `intent.data` (a string as it is, other JSON as its text), else a plain `body`.
  // An empty field `stdin` counts as not given.
  std::string stdin_data;
  std::vector<InputFile> files;
  std::vector<std::string> collect;
  std::vector<std::pair<std::string, std::string>> env;  // Values are secrets: never log them.

  std::optional<double> timestamp;                   // Seconds since the epoch.
  std::optional<std::chrono::milliseconds> timeout;  // Of the run; 1 ms .. kTimeoutMax.
  std::optional<double> deadline;                    // Seconds since the epoch.
  int priority = limits::kPriorityDefault;           // 0..9, 9 first.
  bool idempotent = false;
  std::string idempotency_key;  // Empty: none. At most kRequestIdBytesMax bytes.
  bool stream = false;
  std::string traceparent;

  bool operator==(const Intent&) const = default;
};

// The fields that the fabric needs when an intent has to wait or goes wrong.
struct RoutingFields {
  ReturnAddress address;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<double> deadline;
  int priority = limits::kPriorityDefault;
  bool idempotent = false;
  std::string idempotency_key;

  bool operator==(const RoutingFields&) const = default;
};

}  // namespace skillscale
