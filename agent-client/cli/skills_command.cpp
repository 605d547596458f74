// skillscale skills list|show|validate, and the other commands of `skills`
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent-client/command_text.h"
#include "agent-client/terminal_text.h"
#include "commands.h"
#include "console.h"
#include "skill_details.h"
#include "skills.h"
#include "skills/catalogue.h"
#include "skills/python_imports.h"
#include "skills/validate.h"
#include "skills_live.h"
#include "table.h"

namespace skillscale::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Examples:\n"
    "  skillscale skills list skills/\n"
    "  skillscale skills show csv-analyzer skills/\n"
    "  skillscale skills validate skills/data-processing/csv-analyzer\n"
    "  skillscale skills test skills/data-processing/csv-analyzer\n"
    "  skillscale skills list skills/ --json | jq -r '.skills[].name'\n"
    "  skillscale skills list --live TOPIC_DATA_PROCESSING\n"
    "\n"
    "Exit status:\n"
    "  0    success; for validate: no errors (warnings may be there)\n"
    "  1    there are errors in a skill, or the skill does not exist\n"
    "  2    the command was used wrongly, or the folder cannot be read\n"
    "  3    with --live: no answer in time\n"
    "  4    with --live: the proxy cannot be reached\n";

struct SkillsOptions {
  std::string name;
  std::string folder = default_skills_folder();
  bool json = false;
};

Result<ScanResult> scan(const std::string& folder) {
  auto found = installed_interpreters();
  if (!found) return found.error();
  return Catalogue::scan(folder, *found);
}

int usage_error(const Error& error) {
  write_error(error.detail);
  return agent::kExitUsage;
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

int show_skill(const SkillsOptions& options) {
  auto scanned = scan(options.folder);
  if (!scanned) return usage_error(scanned.error());
  const SkillPtr skill = scanned->catalogue.find(options.name);
  if (!skill) {
    write_error(unknown_skill_text(scanned->catalogue, options.name) + "\n  looked in " + options.folder);
    note_problems(scanned->problems);
    return agent::kExitSkillFailed;
  }
  const auto missing = missing_modules(*skill);
  if (!missing) write_note(missing.error().detail);
  const MissingModules modules = missing ? missing.value() : MissingModules();
  if (options.json) {
    write_json(details_json(*skill, modules));
  } else {
    write_for_reader(details_text(*skill, modules));
  }
  return agent::kExitSuccess;
}

int validate_folder(const SkillsOptions& options) {
  auto found = installed_interpreters();
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

Result<Interpreters> installed_interpreters() {
  return Interpreters::create({}, environment("PATH").value_or("/usr/bin:/bin"));
}

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
    const bool runs_something = skill->run || skill->function || skill->adapter == Adapter::argv;
    const char* runs = !skill->not_runnable.empty() ? "no" : runs_something ? "yes" : "instructions";
    rows.push_back({skill->name, skill->version, runs, skill->description});
  }
  const bool any = rows.size() > 1;
  write_for_reader(any ? table_text(rows, terminal_width()) : "no skills in " + folder + "\n");
  note_problems(scanned->problems);
  return agent::kExitSuccess;
}

void add_skills(CLI::App& app, int& status) {
  auto* skills = app.add_subcommand("skills", "Look after skills: list, show, validate, make, pack and unpack them");
  skills->require_subcommand(1);
  skills->footer(kFooter);

  // Owned by the callbacks: CLI11 fills them in and calls one of these.
  auto options = std::make_shared<SkillsOptions>();
  auto* list = skills->add_subcommand("list", "The skills of a folder, and what is wrong with the others");
  add_folder_options(*list, *options);
  auto live_list = std::make_shared<LiveOptions>();
  add_live_options(*list, *live_list);
  list->get_option("--live")->excludes(list->get_option("folder"));
  list->callback([options, live_list, &status] {
    status = live_list->topic.empty()
                 ? list_skills(options->folder, options->json)
                 : ask_live(*live_list, {.kind = agent::CatalogQuestion::Kind::list}, options->json);
  });

  auto* show = skills->add_subcommand("show", "All about one skill: what it does, what is run, its instructions");
  show->add_option("name", options->name, "The skill's name")->required();
  add_folder_options(*show, *options);
  auto live_show = std::make_shared<LiveOptions>();
  add_live_options(*show, *live_show);
  show->get_option("--live")->excludes(show->get_option("folder"));
  show->callback([options, live_show, &status] {
    const agent::CatalogQuestion question{.kind = agent::CatalogQuestion::Kind::show, .skill = options->name};
    status = live_show->topic.empty() ? show_skill(*options) : ask_live(*live_show, question, options->json);
  });
  add_skills_read(*skills, status);

  auto* validate =
      skills->add_subcommand("validate", "Check one skill, or all below a folder, against the specification");
  add_folder_options(*validate, *options);
  validate->callback([options, &status] { status = validate_folder(*options); });

  add_skills_new(*skills, status);
  add_skills_bundles(*skills, status);
  add_skills_test(*skills, status);
}

}  // namespace skillscale::cli
