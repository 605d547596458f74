// skillscale skills list|show|validate
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent-client/command_text.h"
#include "agent-client/terminal_text.h"
#include "commands.h"
#include "console.h"
#include "skill-server/catalogue.h"
#include "skill-server/validate.h"
#include "skills.h"
#include "table.h"

namespace skillscale::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Examples:\n"
    "  skillscale skills list skills/\n"
    "  skillscale skills show csv-analyzer skills/\n"
    "  skillscale skills validate skills/data-processing/csv-analyzer\n"
    "  skillscale skills list skills/ --json | jq -r '.skills[].name'\n"
    "\n"
    "Exit status:\n"
    "  0    success; for validate: no errors (warnings may be there)\n"
    "  1    there are errors in a skill, or the skill does not exist\n"
    "  2    the command was used wrongly, or the folder cannot be read\n";

struct SkillsOptions {
  std::string name;
  std::string folder = default_skills_folder();
  bool json = false;
};

Result<Interpreters> interpreters() { return Interpreters::create({}, environment("PATH").value_or("/usr/bin:/bin")); }

Result<ScanResult> scan(const std::string& folder) {
  auto found = interpreters();
  if (!found) return found.error();
  return Catalogue::scan(folder, *found);
}

int usage_error(const Error& error) {
  write_error(error.detail);
  return agent::kExitUsage;
}

// What happens when the skill is asked to run.
std::string runs_text(const Skill& skill) {
  if (skill.instructions_only()) return "instructions";
  if (!skill.run) return "cannot run: " + skill.not_runnable;
  std::string text;
  for (const std::string& word : skill.run->argv) text += (text.empty() ? "" : " ") + word;
  return text;
}

Json to_json(const Skill& skill) {
  Json json{{"name", skill.name},         {"description", skill.description}, {"version", skill.version},
            {"tags", skill.tags},         {"license", skill.license},         {"compatibility", skill.compatibility},
            {"metadata", skill.metadata}, {"folder", skill.folder.string()},  {"idempotent", skill.idempotent}};
  json["run"] = skill.run ? Json(skill.run->argv) : Json(nullptr);
  json["not_runnable"] = skill.not_runnable;
  json["timeout_ms"] = skill.timeout ? Json(skill.timeout->count()) : Json(nullptr);
  return json;
}

Json to_json(const Problems& problems) {
  Json json = Json::array();
  for (const Problem& problem : problems) {
    json.push_back({{"file", problem.file.string()},
                    {"line", problem.line},
                    {"severity", problem.severity == Severity::error ? "error" : "warning"},
                    {"message", problem.message}});
  }
  return json;
}

// Paths and manifests may hold any bytes.
bool write_json(const Json& json) {
  return write_for_reader(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void note_problems(const Problems& problems) {
  for (const Problem& problem : problems) write_note(to_text(problem));
}

void add_line(std::string& text, const char* name, const std::string& value) {
  constexpr std::size_t kNameWidth = 15;
  if (value.empty()) return;
  text += name;
  text += std::string(kNameWidth - std::string_view(name).size(), ' ') + value + "\n";
}

std::string details_text(const Skill& skill) {
  std::string tags;
  for (const std::string& tag : skill.tags) tags += (tags.empty() ? "" : ", ") + tag;
  std::string text;
  add_line(text, "name", skill.name);
  add_line(text, "version", skill.version);
  add_line(text, "description", skill.description);
  add_line(text, "tags", tags);
  add_line(text, "license", skill.license);
  add_line(text, "compatibility", skill.compatibility);
  add_line(text, "folder", skill.folder.string());
  add_line(text, "runs", runs_text(skill));
  add_line(text, "idempotent", skill.idempotent ? "yes: it may run again if its server dies" : "no");
  if (skill.timeout) add_line(text, "timeout", std::to_string(skill.timeout->count()) + " ms");
  return text + "\n" + skill.body;
}

int show_skill(const SkillsOptions& options) {
  auto scanned = scan(options.folder);
  if (!scanned) return usage_error(scanned.error());
  const SkillPtr skill = scanned->catalogue.find(options.name);
  if (!skill) {
    write_error(unknown_skill_text(scanned->catalogue, options.name) + "\n  looked in " + options.folder);
    note_problems(scanned->problems);
    return agent::kExitSkillFailed;
  }
  if (options.json) {
    Json json = to_json(*skill);
    json["body"] = skill->body;
    write_json(json);
  } else {
    write_for_reader(details_text(*skill));
  }
  return agent::kExitSuccess;
}

int validate_folder(const SkillsOptions& options) {
  auto found = interpreters();
  if (!found) return usage_error(found.error());
  const auto validation = validate_skills(options.folder, *found);
  if (!validation) return usage_error(validation.error());
  if (options.json) {
    write_json({{"skills", validation.value().skills},
                {"passed", validation.value().passed()},
                {"problems", to_json(validation.value().problems)}});
  } else {
    std::string text;
    for (const Problem& problem : validation.value().problems) text += to_text(problem) + "\n";
    const std::size_t count = validation.value().skills;
    text += std::to_string(count) + (count == 1 ? " skill: " : " skills: ") +
            (validation.value().passed() ? "valid" : "not valid") + "\n";
    write_for_reader(text);
  }
  return validation.value().passed() ? agent::kExitSuccess : agent::kExitSkillFailed;
}

void add_folder_options(CLI::App& command, SkillsOptions& options) {
  command.add_option("folder", options.folder, "Where the skills are (SKILLSCALE_SKILLS_DIR, else ./skills)")
      ->type_name("DIR");
  command.add_flag("--json", options.json, "Print JSON");
  command.footer(kFooter);
}

}  // namespace

std::string default_skills_folder() { return environment("SKILLSCALE_SKILLS_DIR").value_or("skills"); }

int list_skills(const std::string& folder, bool json) {
  auto scanned = scan(folder);
  if (!scanned) return usage_error(scanned.error());
  if (json) {
    Json skills = Json::array();
    for (const SkillPtr& skill : scanned->catalogue.all()) skills.push_back(to_json(*skill));
    write_json({{"skills", std::move(skills)}, {"problems", to_json(scanned->problems)}});
    return agent::kExitSuccess;
  }
  std::vector<std::vector<std::string>> rows = {{"NAME", "VERSION", "RUNS", "DESCRIPTION"}};
  for (const SkillPtr& skill : scanned->catalogue.all()) {
    const char* runs = skill->run ? "yes" : skill->instructions_only() ? "instructions" : "no";
    rows.push_back({skill->name, skill->version, runs, skill->description});
  }
  const bool any = rows.size() > 1;
  write_for_reader(any ? table_text(rows, terminal_width()) : "no skills in " + folder + "\n");
  note_problems(scanned->problems);
  return agent::kExitSuccess;
}

void add_skills(CLI::App& app, int& status) {
  auto* skills = app.add_subcommand("skills", "List, show and validate the skills of a folder");
  skills->require_subcommand(1);
  skills->footer(kFooter);

  // Owned by the callbacks: CLI11 fills them in and calls one of these.
  auto options = std::make_shared<SkillsOptions>();
  auto* list = skills->add_subcommand("list", "The skills of a folder, and what is wrong with the others");
  add_folder_options(*list, *options);
  list->callback([options, &status] { status = list_skills(options->folder, options->json); });

  auto* show = skills->add_subcommand("show", "All about one skill: what it does, what is run, its instructions");
  show->add_option("name", options->name, "The skill's name")->required();
  add_folder_options(*show, *options);
  show->callback([options, &status] { status = show_skill(*options); });

  auto* validate =
      skills->add_subcommand("validate", "Check one skill, or all below a folder, against the specification");
  add_folder_options(*validate, *options);
  validate->callback([options, &status] { status = validate_folder(*options); });
}

}  // namespace skillscale::cli
