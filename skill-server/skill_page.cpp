#include "skill-server/skill_page.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace skillscale {
namespace {

using Json = nlohmann::json;

Json to_json(const std::vector<Field>& fields) {
  Json list = Json::array();
  for (const Field& field : fields) {
    Json item = {{"name", field.name}, {"required", field.required}};
    if (!field.type.empty()) item["type"] = field.type;
    if (!field.description.empty()) item["description"] = field.description;
    if (field.default_json) item["default"] = Json::parse(*field.default_json, nullptr, false);
    list.push_back(std::move(item));
  }
  return list;
}

Json to_json(const std::vector<Script>& scripts) {
  Json list = Json::array();
  for (const Script& script : scripts) {
    Json item = {{"path", script.path}, {"runs", script.run.has_value()}};
    if (!script.not_runnable.empty()) item["not_runnable"] = script.not_runnable;
    list.push_back(std::move(item));
  }
  return list;
}

Json to_json(const SkillLimits& limits) {
  Json json = Json::object();
  if (limits.memory_bytes) json["memory_bytes"] = *limits.memory_bytes;
  if (limits.cpu) json["cpu_s"] = limits.cpu->count();
  if (limits.output_bytes) json["output_bytes"] = *limits.output_bytes;
  if (limits.folder_bytes) json["folder_bytes"] = *limits.folder_bytes;
  if (limits.processes) json["processes"] = *limits.processes;
  if (limits.concurrency) json["concurrency"] = *limits.concurrency;
  return json;
}

}  // namespace

Json summary_of(const Skill& skill, const CatalogueSnapshot& snapshot, const BreakerStates& breakers) {
  const auto breaker = breakers.find(skill.name);
  Json json = {{"name", skill.name},
               {"description", skill.description},
               {"tags", skill.tags},
               {"version", skill.version},
               {"digest", skill.digest},
               {"adapter", name_of(skill.adapter)},
               {"idempotent", skill.idempotent},
               {"stale", snapshot.stale.contains(skill.name)},
               {"breaker", name_of(breaker == breakers.end() ? BreakerState::closed : breaker->second)}};
  if (!skill.deprecated.empty()) json["deprecated"] = skill.deprecated;
  if (!skill.replaced_by.empty()) json["replaced_by"] = skill.replaced_by;
  if (!skill.not_runnable.empty()) json["not_runnable"] = skill.not_runnable;
  return json;
}

Json details_of(const Skill& skill, const CatalogueSnapshot& snapshot, const BreakerStates& breakers) {
  Json json = summary_of(skill, snapshot, breakers);
  json["body"] = skill.body;
  json["inputs"] = to_json(skill.inputs);
  json["outputs"] = to_json(skill.outputs);
  json["scripts"] = to_json(skill.scripts);
  json["limits"] = to_json(skill.limits);
  json["network"] = skill.wants_network;
  Json env = Json::array();
  for (const DeclaredVariable& variable : skill.env) {
    env.push_back({{"name", variable.name}, {"required", variable.required}});
  }
  json["env"] = std::move(env);
  if (!skill.license.empty()) json["license"] = skill.license;
  if (!skill.compatibility.empty()) json["compatibility"] = skill.compatibility;
  if (skill.timeout) json["timeout_ms"] = skill.timeout->count();
  return json;
}

Json list_of(const CatalogueSnapshot& snapshot, const BreakerStates& breakers) {
  Json skills = Json::array();
  for (const SkillPtr& skill : snapshot.catalogue.all()) skills.push_back(summary_of(*skill, snapshot, breakers));
  return {{"skills", std::move(skills)}, {"digest", snapshot.digest}};
}

Json operators_list_of(const CatalogueSnapshot& snapshot, const BreakerStates& breakers) {
  Json list = list_of(snapshot, breakers);
  for (Json& skill : list["skills"]) {
    const SkillPtr found = snapshot.catalogue.find(skill["name"].get_ref<const std::string&>());
    skill["runs"] = found->not_runnable.empty() && !found->instructions_only();
    if (!skill.contains("not_runnable")) skill["not_runnable"] = "";
  }
  Json problems = Json::array();
  for (const Problem& problem : snapshot.problems) {
    problems.push_back({{"file", problem.file.string()},
                        {"line", problem.line},
                        {"severity", problem.severity == Severity::error ? "error" : "warning"},
                        {"problem", problem.message}});
  }
  list["problems"] = std::move(problems);
  return list;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace skillscale
