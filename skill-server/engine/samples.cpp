#include "engine/samples.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/codec.h"
#include "skills/file_text.h"
#include "skills/problem.h"

namespace skillscale {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShownBytesMax = 200;

std::string shown(std::string_view text) { return in_quotes(utf8_prefix(text, kShownBytesMax)); }

constexpr std::string_view kIntentFields[] = {"intent",     "skill",  "script",   "args",       "input",
                                              "stdin",      "files",  "collect",  "env",        "v",
                                              "timeout_ms", "stream", "priority", "idempotent", "traceparent"};

// As nobody will answer it, the sample leaves out who asks. The wire lets unknown
// fields pass for newer peers; in a sample they are slips.
Result<Intent> to_intent(Json intent) {
  for (const auto& [name, value] : intent.items()) {
    if (std::ranges::find(kIntentFields, name) != std::end(kIntentFields)) continue;
    return Error{ErrorCode::invalid_request,
                 "unknown field " + in_quotes(name) + (name == "data" ? "; what the script reads is \"stdin\"" : "")};
  }
  intent["request_id"] = "sample";
  intent["reply_to"] = "SAMPLE";
  if (!intent.contains("intent")) intent["intent"] = "";
  return decode_intent(intent.dump());
}

// Compares one reply with the members of `expect`.
class Comparison {
 public:
  Comparison(const Json& expect, const Reply& reply) : expect_(expect), reply_(reply) {}

  std::vector<std::string> run() {
    const std::string status = reply_.success ? "success" : "error";
    equal("status", expect_.value("status", Json("success")), status);
    if (expect_.contains("code")) equal("code", expect_["code"], reply_.code);
    if (expect_.contains("exit_code")) {
      equal("exit_code", expect_["exit_code"],
            reply_.exit && reply_.exit->code ? Json(*reply_.exit->code) : Json(nullptr));
    }
    compare_content();
    if (expect_.contains("outputs")) compare_outputs();
    for (const Json& artifact : expect_.value("artifacts", Json::array())) compare_artifact(artifact);
    for (const auto& [name, value] : expect_.items()) check_name(name);
    if (!found_.empty() && !reply_.success) found_.push_back("the reply says: " + shown(reply_.error));
    return std::move(found_);
  }

 private:
  void check_name(const std::string& name) {
    static constexpr std::string_view kNames[] = {
        "status", "code", "exit_code", "content_contains", "content_equals", "content_matches", "outputs", "artifacts"};
    if (std::ranges::find(kNames, name) == std::end(kNames)) found_.push_back("unknown expectation " + in_quotes(name));
  }

  void equal(const std::string& what, const Json& expected, const Json& was) {
    if (expected == was) return;
    found_.push_back(what + " is " + shown(text(was)) + ", not " + shown(text(expected)));
  }
  static std::string text(const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  void compare_content() {
    const std::string content = to_valid_utf8(reply_.content);
    if (expect_.contains("content_equals")) equal("content", expect_["content_equals"], content);
    for (const Json& part : expect_.value("content_contains", Json::array())) {
      if (content.find(part.get<std::string>()) == std::string::npos) {
        found_.push_back("content does not contain " + shown(text(part)) + "; it is " + shown(content));
      }
    }
    if (!expect_.contains("content_matches")) return;
    const auto pattern = expect_["content_matches"].get<std::string>();
    if (!std::regex_search(content, std::regex(pattern))) {
      found_.push_back("content does not match " + shown(pattern) + "; it is " + shown(content));
    }
  }

  // What is expected must be there; there may be more.
  void compare_outputs() {
    const Json outputs = Json::parse(reply_.outputs_json.empty() ? "{}" : reply_.outputs_json);
    for (const auto& [name, value] : expect_["outputs"].items()) {
      equal("outputs." + name, value, outputs.contains(name) ? outputs[name] : Json(nullptr));
    }
  }

  void compare_artifact(const Json& expected) {
    const auto path = expected.at("path").get<std::string>();
    const auto found = std::ranges::find(reply_.artifacts, path, &Artifact::path);
    if (found == reply_.artifacts.end()) {
      found_.push_back("there is no artifact " + in_quotes(path));
      return;
    }
    if (expected.contains("sha256")) equal("sha256 of " + path, expected["sha256"], found->sha256);
    if (expected.contains("min_bytes") && found->content.size() < expected["min_bytes"].get<std::size_t>()) {
      found_.push_back(path + " has " + std::to_string(found->content.size()) + " bytes, fewer than " +
                       text(expected["min_bytes"]));
    }
  }

  const Json& expect_;
  const Reply& reply_;
  std::vector<std::string> found_;
};

}  // namespace

Result<std::optional<Sample>> read_sample(const std::filesystem::path& file) {
  auto text = read_file_prefix(file, limits::kMessageBytesMax);
  if (!text) return std::move(text).error();
  const auto wrong = [&](const std::string& why) {
    return Error{ErrorCode::invalid_request, file.filename().string() + ": " + why};
  };
  const Json json = Json::parse(*text, nullptr, false);
  if (json.is_discarded()) return wrong("is not JSON");
  if (!json.is_object() || (!json.contains("intent") && !json.contains("expect"))) return std::optional<Sample>();
  if (!json.contains("intent") || !json["intent"].is_object()) return wrong("`intent` must be an object");
  const Json expect = json.value("expect", Json::object());
  if (!expect.is_object()) return wrong("`expect` must be an object");
  auto intent = to_intent(json["intent"]);
  if (!intent) return wrong("intent: " + intent.error().detail);
  Sample sample;
  sample.name = file.stem().string();
  if (json.contains("description") && json["description"].is_string()) sample.description = json["description"];
  sample.intent = std::move(*intent);
  sample.expect_json = expect.dump();
  return std::optional<Sample>(std::move(sample));
}

std::vector<std::string> differences(const Sample& sample, const Reply& reply) {
  try {
    const Json expect = Json::parse(sample.expect_json);
    return Comparison(expect, reply).run();
  } catch (const std::exception& error) {  // An expectation of another type, a pattern that is none.
    return {std::string("the expectations cannot be used: ") + error.what()};
  }
}

std::vector<std::filesystem::path> sample_files(const std::filesystem::path& skill) {
  std::vector<std::filesystem::path> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(skill / "tests", failed)) {
    if (entry.path().extension() == ".json" && entry.is_regular_file(failed)) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace skillscale
