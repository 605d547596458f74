#include "agent-client/command_text.h"

#include <array>
#include <cmath>
#include <utility>

#include "agent-client/terminal_text.h"
#include "base/error.h"
#include "bus/sockets.h"

namespace skillscale::agent {
namespace {

constexpr std::size_t kSummaryNameMax = 80;

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t first = part.find_first_not_of(' ');
    const std::size_t last = part.find_last_not_of(' ');
    parts.emplace_back(first == std::string_view::npos ? std::string_view() : part.substr(first, last - first + 1));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Error wrong_setting(std::string_view source, const std::string& detail) {
  return {ErrorCode::invalid_config, std::string(source) + ": " + detail};
}

Result<void> check_proxy(std::string_view source, const Proxy& proxy) {
  for (const std::string& endpoint : {proxy.publish_endpoint, proxy.subscribe_endpoint}) {
    if (auto checked = check_endpoint(endpoint); !checked) return wrong_setting(source, checked.error().detail);
  }
  return {};
}

Result<std::vector<Proxy>> proxies_of_flags(const std::vector<std::string>& flags) {
  std::vector<Proxy> proxies;
  for (const std::string& flag : flags) {
    const auto parts = split_list(flag);
    if (parts.size() != 2) {
      return wrong_setting("--proxy", "\"" + flag +
                                          "\" is not PUBLISH,SUBSCRIBE; "
                                          "for example tcp://127.0.0.1:5444,tcp://127.0.0.1:5555");
    }
    proxies.push_back({parts[0], parts[1]});
    if (auto checked = check_proxy("--proxy", proxies.back()); !checked) return checked.error();
  }
  return proxies;
}

// What a caller can do about each code; nothing where the error text says it all.
std::string_view advice(std::string_view code) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kAdvice = {{
      {"unreachable", "start it with skillscale_proxy, or name it with --proxy PUBLISH,SUBSCRIBE"},
      {"no_answer", "is a skill server running for this topic? if it is slow, wait longer with --timeout SECONDS"},
      {"no_skill_server",
       "start a skill server for this topic: skillscale_skill_server --topic TOPIC --skills-dir DIR"},
      {"no_capacity", "no skill server had room in time; start more of them, or try again"},
      {"overloaded", "try again later; when too much is waiting, more skill servers help"},
      {"expired", "it was not started before its deadline; allow more with --deadline SECONDS"},
      {"worker_lost", "its skill server died; repeat it only if the skill may run twice (then: --idempotent)"},
      {"timed_out", "the skill took longer than its time limit"},
      {"draining", "the server is stopping; try again"},
      {"out_of_memory", "the skill needs more memory than its limit"},
      {"too_large", "send less, or split it"},
  }};
  for (const auto& [name, text] : kAdvice) {
    if (name == code) return text;
  }
  return {};
}

std::string milliseconds_text(double milliseconds) {
  if (milliseconds < 10)
    return std::to_string(std::lround(milliseconds * 10) / 10) + "." +
           std::to_string(std::lround(milliseconds * 10) % 10) + " ms";
  return std::to_string(std::lround(milliseconds)) + " ms";
}

}  // namespace

ExitStatus exit_status(const Reply& reply) {
  if (reply.success) return kExitSuccess;
  if (!reply.from_client) return kExitSkillFailed;
  if (reply.code == name_of(ErrorCode::unreachable)) return kExitUnreachable;
  if (reply.code == name_of(ErrorCode::no_answer)) return kExitNoAnswer;
  if (reply.code == name_of(ErrorCode::cancelled)) return kExitInterrupted;
  if (reply.code == name_of(ErrorCode::overloaded)) return kExitSkillFailed;
  return kExitUsage;  // The client refused what it was given.
}

std::string_view exit_status_help() noexcept {
  return "Exit status:\n"
         "  0    success\n"
         "  1    the skill failed, or the fabric answered with an error\n"
         "  2    the command was used wrongly\n"
         "  3    no answer in time\n"
         "  4    the proxy cannot be reached\n"
         "  130  interrupted (Ctrl-C); the intent was cancelled\n";
}

Result<std::vector<Proxy>> choose_proxies(const std::vector<std::string>& flags,
                                          const std::optional<std::string>& xsub_variable,
                                          const std::optional<std::string>& xpub_variable) {
  if (!flags.empty()) return proxies_of_flags(flags);
  constexpr std::string_view kSource = "SKILLSCALE_PROXY_XSUB, SKILLSCALE_PROXY_XPUB";
  const Proxy standard;
  const auto publish = split_list(xsub_variable.value_or(standard.publish_endpoint));
  const auto subscribe = split_list(xpub_variable.value_or(standard.subscribe_endpoint));
  if (publish.size() != subscribe.size()) {
    return wrong_setting(kSource, "they name " + std::to_string(publish.size()) + " and " +
                                      std::to_string(subscribe.size()) +
                                      " endpoints; each proxy needs one in both, in the same order");
  }
  std::vector<Proxy> proxies;
  for (std::size_t index = 0; index < publish.size(); ++index) {
    proxies.push_back({publish[index], subscribe[index]});
    if (auto checked = check_proxy(kSource, proxies.back()); !checked) return checked.error();
  }
  return proxies;
}

std::string summary_line(const Reply& reply) {
  const auto safe = [](const std::string& text) { return for_terminal_line(text, kSummaryNameMax); };
  std::string line = reply.skill.empty() ? "answered" : safe(reply.skill);
  if (!reply.version.empty()) line += " " + safe(reply.version);
  line += ", " + milliseconds_text(static_cast<double>(reply.elapsed.count()) / 1000);
  if (reply.run_ms) line += " (run " + milliseconds_text(*reply.run_ms) + ")";
  if (!reply.server.empty()) line += ", server " + safe(reply.server);
  if (reply.attempt > 1) line += ", attempt " + std::to_string(reply.attempt);
  if (reply.stdout_truncated) line += ", output cut";
  return line;
}

std::string failure_text(const Reply& reply, const std::vector<Proxy>& proxies) {
  const std::string code = reply.code.empty() ? "error" : for_terminal_line(reply.code, kSummaryNameMax);
  std::string text = code + ": " + for_terminal(reply.error) + "\n";
  if (!reply.stderr_tail.empty() && reply.error.find(reply.stderr_tail) == std::string::npos) {
    text += for_terminal(reply.stderr_tail);
    if (text.back() != '\n') text += '\n';
  }
  if (reply.code == "unreachable") {
    for (const Proxy& proxy : proxies) {
      text += "  tried " + proxy.publish_endpoint + " and " + proxy.subscribe_endpoint + "\n";
    }
  }
  if (const auto hint = advice(reply.code); !hint.empty()) text += "  " + std::string(hint) + "\n";
  return text;
}

Result<std::vector<std::string>> split_line(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const bool quoted = line.front() == '"' || line.front() == '\'';
    const std::size_t end = quoted ? line.find(line.front(), 1) : line.find_first_of(kBlanks);
    if (quoted && end == std::string_view::npos) {
      return Error{ErrorCode::invalid_request, "the closing " + std::string(1, line.front()) + " is missing"};
    }
    words.emplace_back(quoted ? line.substr(1, end - 1) : line.substr(0, end));
    if (end == std::string_view::npos) return words;
    line.remove_prefix(quoted ? end + 1 : end);
  }
}

}  // namespace skillscale::agent
