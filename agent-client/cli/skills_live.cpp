// skillscale skills list|show|read --live TOPIC
#include "skills_live.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "agent-client/command_text.h"
#include "console.h"
#include "protocol/base64.h"
#include "table.h"

namespace skillscale::cli {
namespace {

using Json = nlohmann::ordered_json;
using Kind = agent::CatalogQuestion::Kind;

constexpr const char* kReadFooter =
    "The file goes to standard output as it is. SKILL.md and what is below references/ and assets/ can be read, up to\n"
    "1 MiB; links are not followed.\n"
    "\n"
    "Examples:\n"
    "  skillscale skills read --live TOPIC_DATA_PROCESSING csv-analyzer SKILL.md\n"
    "  skillscale skills read --live TOPIC_DATA_PROCESSING chart-maker assets/logo.png > logo.png\n"
    "\n";

std::string text_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// What another program says may be of any shape.
bool flag_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

const Json& array_in(const Json& json, const char* name) {
  static const Json none = Json::array();
  const auto found = json.find(name);
  return found != json.end() && found->is_array() ? *found : none;
}

// What a person should know before using the skill; empty: nothing.
std::string state_of(const Json& skill) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (flag_in(skill, "stale")) add("stale");
  if (const std::string breaker = text_in(skill, "breaker"); !breaker.empty() && breaker != "closed") {
    add("breaker " + breaker);
  }
  if (skill.contains("deprecated") || skill.contains("replaced_by")) add("deprecated");
  if (!text_in(skill, "not_runnable").empty()) add("cannot run");
  return text;
}

std::string list_text(const Json& outputs) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "VERSION", "ADAPTER", "STATE", "DESCRIPTION"}};
  for (const Json& skill : array_in(outputs, "skills")) {
    rows.push_back({text_in(skill, "name"), text_in(skill, "version"), text_in(skill, "adapter"), state_of(skill),
                    text_in(skill, "description")});
  }
  return rows.size() > 1 ? table_text(rows, terminal_width()) : "the server has no skills\n";
}

// "a, b (required)" of a list of objects.
std::string names_in(const Json& skill, const char* list, const char* key) {
  std::string text;
  for (const Json& item : array_in(skill, list)) {
    text += (text.empty() ? "" : ", ") + text_in(item, key) + (flag_in(item, "required") ? " (required)" : "");
  }
  return text;
}

std::string list_in(const Json& skill, const char* list) {
  std::string text;
  for (const Json& item : array_in(skill, list)) {
    if (item.is_string()) text += (text.empty() ? "" : ", ") + item.get<std::string>();
  }
  return text;
}

std::string show_text(const Json& skill) {
  std::string text;
  const auto line = [&text](const std::string& name, const std::string& value) {
    if (!value.empty()) text += name + std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') + value + "\n";
  };
  line("name", text_in(skill, "name"));
  line("description", text_in(skill, "description"));
  line("version", text_in(skill, "version"));
  line("tags", list_in(skill, "tags"));
  line("digest", text_in(skill, "digest"));
  line("adapter", text_in(skill, "adapter"));
  line("state", state_of(skill));
  line("deprecated", text_in(skill, "deprecated"));
  line("replaced by", text_in(skill, "replaced_by"));
  line("scripts", names_in(skill, "scripts", "path"));
  line("inputs", names_in(skill, "inputs", "name"));
  line("outputs", names_in(skill, "outputs", "name"));
  line("env", names_in(skill, "env", "name"));
  return text + "\n" + text_in(skill, "body") + "\n";
}

bool write_file(const Json& outputs) {
  if (outputs.contains("text")) return write_for_reader(text_in(outputs, "text"));
  return write_output(decode_base64(text_in(outputs, "content_base64")).value_or(""));
}

bool show(Kind kind, const Json& outputs, bool json) {
  if (json) return write_for_reader(outputs.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  if (kind == Kind::read) return write_file(outputs);
  return write_for_reader(kind == Kind::list ? list_text(outputs) : show_text(outputs));
}

}  // namespace

void add_live_options(CLI::App& command, LiveOptions& options) {
  command.add_option("--live", options.topic, "Ask a server of this topic instead of looking into a folder")
      ->type_name("TOPIC");
  command.add_option("--timeout", options.timeout_seconds, "Seconds to wait for the answer (10), with --live")
      ->type_name("SECONDS")
      ->check(seconds_range());
  add_connection_options(command, options.connection);
}

int ask_live(const LiveOptions& options, agent::CatalogQuestion question, bool json) {
  auto client = client_options(options.connection);
  if (!client) {
    write_error(client.error().detail);
    return agent::kExitUsage;
  }
  const auto proxies = client->proxies;
  const Kind kind = question.kind;
  question.timeout = to_milliseconds(options.timeout_seconds);
  agent::Client agent(std::move(*client));
  const auto pending = agent.ask_catalog(options.topic, std::move(question));
  const agent::Reply& reply = pending.get();
  if (!reply.success) {
    write_error(agent::failure_text(reply, proxies));
    return agent::exit_status(reply);
  }
  const Json whole = Json::parse(reply.json, nullptr, false);
  if (!whole.is_object() || !whole.contains("outputs")) {
    write_error("the server did not say anything of its skills");
    return agent::kExitSkillFailed;
  }
  if (show(kind, whole.at("outputs"), json)) return agent::kExitSuccess;
  write_error("cannot write to standard output");
  return agent::kExitSkillFailed;
}

void add_skills_read(CLI::App& skills, int& status) {
  struct ReadOptions {
    LiveOptions live;
    std::string name;
    std::string path;
    bool json = false;
  };
  // Owned by the callback: CLI11 fills them in and calls it.
  auto options = std::make_shared<ReadOptions>();
  auto* read = skills.add_subcommand("read", "One file of a skill that a topic's server has");
  read->add_option("name", options->name, "The skill's name")->required();
  read->add_option("path", options->path, "The file, as references/guide.md")->required();
  read->add_flag("--json", options->json, "Print JSON");
  add_live_options(*read, options->live);
  read->get_option("--live")->required();
  read->footer(std::string(kReadFooter) + std::string(agent::exit_status_help()));
  read->callback([options, &status] {
    status =
        ask_live(options->live, {.kind = Kind::read, .skill = options->name, .path = options->path}, options->json);
  });
}

}  // namespace skillscale::cli
