#include "skill_details.h"

#include <optional>
#include <string_view>
#include <utility>

namespace skillscale::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMegabyte = 1024 * 1024;

const char* dialect_name(FunctionEntry::Dialect dialect) {
  switch (dialect) {
    case FunctionEntry::Dialect::skillet:
      return "skillet";
    case FunctionEntry::Dialect::skillos:
      return "skillos";
    case FunctionEntry::Dialect::open_skills:
      break;
  }
  return "open-skills";
}

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string function_text(const FunctionEntry& entry) {
  const std::string function = entry.function.empty() ? "the one with @skill" : entry.function + "()";
  return function + " of " + (entry.file.empty() ? "the module " + entry.module : entry.file) + " with " + entry.python;
}

// "url: string, required: Where from."
std::string field_text(const Field& field) {
  std::string text = field.name;
  std::string about = field.type;
  if (field.required) about += about.empty() ? "required" : ", required";
  if (field.default_json) about += (about.empty() ? "default " : ", default ") + *field.default_json;
  if (!about.empty()) text += " (" + about + ")";
  return field.description.empty() ? text : text + ": " + field.description;
}

class Lines {
 public:
  void add(const char* name, const std::string& value) {
    constexpr std::size_t kNameWidth = 15;
    if (value.empty()) return;
    const std::size_t length = std::string_view(name).size();
    text_ += name + std::string(length < kNameWidth ? kNameWidth - length : 1, ' ') + value + "\n";
  }
  // The name stands on the first line only.
  void add(const char* name, const std::vector<std::string>& values) {
    for (const std::string& value : values) add(std::exchange(name, ""), value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::vector<std::string> scripts_text(const Skill& skill) {
  std::vector<std::string> lines;
  lines.reserve(skill.scripts.size());
  for (const Script& script : skill.scripts) {
    lines.push_back(script.path + (script.run ? " with " + script.run->program : ": " + script.not_runnable));
  }
  return lines;
}

std::vector<std::string> fields_text(const std::vector<Field>& fields) {
  std::vector<std::string> lines;
  lines.reserve(fields.size());
  for (const Field& field : fields) lines.push_back(field_text(field));
  return lines;
}

std::string variables_text(const Skill& skill) {
  std::vector<std::string> names;
  names.reserve(skill.env.size());
  for (const DeclaredVariable& variable : skill.env) {
    names.push_back(variable.name + (variable.required ? "" : " (may be missing)"));
  }
  return joined(names, ", ");
}

// A server may have it otherwise; nothing: the skill leaves it to the server.
std::string runner_text(const Skill& skill) {
  if (!skill.runner) return {};
  if (*skill.runner != Runner::worker) return std::string(name_of(*skill.runner));
  return skill.adapter == Adapter::function ? "worker, where the server allows it"
                                            : "worker, but that is only for functions: as the server has it";
}

std::string limits_text(const Skill& skill) {
  const SkillLimits& limits = skill.limits;
  std::vector<std::string> parts;
  const auto add = [&](const auto& value, std::uint64_t unit, const char* text) {
    if (value) parts.push_back(std::to_string(static_cast<std::uint64_t>(*value) / unit) + text);
  };
  if (skill.timeout) parts.push_back(std::to_string(skill.timeout->count()) + " ms");
  if (limits.cpu) parts.push_back(std::to_string(limits.cpu->count()) + " s of CPU");
  add(limits.memory_bytes, kMegabyte, " MB of memory");
  add(limits.output_bytes, 1, " bytes of output");
  add(limits.folder_bytes, kMegabyte, " MB of files");
  add(limits.processes, 1, " processes");
  add(limits.concurrency, 1, " runs at once");
  return joined(parts, ", ");
}

std::vector<std::string> missing_text(const MissingModules& missing) {
  std::vector<std::string> lines;
  lines.reserve(missing.size());
  for (const auto& [file, names] : missing) lines.push_back(joined(names, ", ") + " for " + file);
  return lines;
}

Json fields_json(const std::vector<Field>& fields) {
  Json list = Json::array();
  for (const Field& field : fields) {
    Json json{{"name", field.name},
              {"type", field.type.empty() ? "any" : field.type},
              {"description", field.description},
              {"required", field.required}};
    if (field.default_json) json["default"] = Json::parse(*field.default_json, nullptr, false);
    list.push_back(std::move(json));
  }
  return list;
}

Json scripts_json(const Skill& skill) {
  Json list = Json::array();
  for (const Script& script : skill.scripts) {
    list.push_back({{"path", script.path},
                    {"run", script.run ? Json(script.run->argv) : Json(nullptr)},
                    {"not_runnable", script.not_runnable}});
  }
  return list;
}

Json function_json(const Skill& skill) {
  if (!skill.function) return nullptr;
  const FunctionEntry& entry = *skill.function;
  return {{"dialect", dialect_name(entry.dialect)},
          {"file", entry.file},
          {"module", entry.module},
          {"function", entry.function},
          {"python", entry.python}};
}

Json limits_json(const SkillLimits& limits) {
  const auto value = [](const auto& limit) { return limit ? Json(*limit) : Json(nullptr); };
  return {{"memory_bytes", value(limits.memory_bytes)},
          {"cpu_seconds", limits.cpu ? Json(limits.cpu->count()) : Json(nullptr)},
          {"output_bytes", value(limits.output_bytes)},
          {"folder_bytes", value(limits.folder_bytes)},
          {"processes", value(limits.processes)},
          {"concurrency", value(limits.concurrency)}};
}

}  // namespace

std::string runs_text(const Skill& skill) {
  if (!skill.not_runnable.empty()) return "cannot run: " + skill.not_runnable;
  if (skill.run) return joined(skill.run->argv, " ");
  if (skill.function) return function_text(*skill.function);
  return skill.adapter == Adapter::argv ? "the script that the intent names" : "nothing: the reply is the text below";
}

std::string details_text(const Skill& skill, const MissingModules& missing) {
  Lines lines;
  lines.add("name", skill.name);
  lines.add("version", skill.version);
  lines.add("digest", skill.digest);
  if (!skill.deprecated.empty()) {
    lines.add("deprecated", skill.deprecated + (skill.replaced_by.empty() ? "" : "; use " + skill.replaced_by));
  }
  lines.add("description", skill.description);
  lines.add("tags", joined(skill.tags, ", "));
  lines.add("license", skill.license);
  lines.add("compatibility", skill.compatibility);
  lines.add("folder", skill.folder.string());
  lines.add("adapter", std::string(name_of(skill.adapter)) + ": " + skill.adapter_reason);
  lines.add("runs", runs_text(skill));
  lines.add("scripts", scripts_text(skill));
  lines.add("missing", missing_text(missing));
  lines.add("inputs", fields_text(skill.inputs));
  lines.add("outputs", fields_text(skill.outputs));
  lines.add("variables", variables_text(skill));
  lines.add("limits", limits_text(skill));
  lines.add("sandbox", skill.sandbox);
  lines.add("network", skill.wants_network ? "asked for" : "");
  lines.add("runner", runner_text(skill));
  lines.add("idempotent", skill.idempotent ? "yes: it may run again if its server dies" : "no");
  return lines.take() + "\n" + skill.body;
}

Json to_json(const Skill& skill) {
  Json json{{"name", skill.name},         {"description", skill.description}, {"version", skill.version},
            {"tags", skill.tags},         {"license", skill.license},         {"compatibility", skill.compatibility},
            {"metadata", skill.metadata}, {"folder", skill.folder.string()},  {"idempotent", skill.idempotent}};
  json["digest"] = skill.digest;
  json["adapter"] = name_of(skill.adapter);
  json["adapter_reason"] = skill.adapter_reason;
  json["run"] = skill.run ? Json(skill.run->argv) : Json(nullptr);
  json["not_runnable"] = skill.not_runnable;
  json["timeout_ms"] = skill.timeout ? Json(skill.timeout->count()) : Json(nullptr);
  json["deprecated"] = skill.deprecated;
  json["replaced_by"] = skill.replaced_by;
  return json;
}

Json details_json(const Skill& skill, const MissingModules& missing) {
  Json json = to_json(skill);
  json["function"] = function_json(skill);
  json["scripts"] = scripts_json(skill);
  json["missing_modules"] = missing;
  json["inputs"] = fields_json(skill.inputs);
  json["outputs"] = fields_json(skill.outputs);
  Json variables = Json::array();
  for (const DeclaredVariable& variable : skill.env) {
    variables.push_back({{"name", variable.name}, {"required", variable.required}});
  }
  json["env"] = std::move(variables);
  json["limits"] = limits_json(skill.limits);
  json["sandbox"] = skill.sandbox;
  json["allow_network"] = skill.wants_network;
  json["runner"] = skill.runner ? Json(name_of(*skill.runner)) : Json(nullptr);
  json["body"] = skill.body;
  return json;
}

}  // namespace skillscale::cli
