// skillscale skills new|pack|unpack
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "agent-client/command_text.h"
#include "console.h"
#include "skills.h"
#include "skills/skill_bundle.h"
#include "skills/skill_scaffold.h"

namespace skillscale::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Examples:\n"
    "  skillscale skills new word-counter --dir skills --language python\n"
    "  skillscale skills pack skills/word-counter\n"
    "  skillscale skills unpack word-counter-0.1.0.skill --dir /srv/skills\n"
    "\n"
    "Exit status:\n"
    "  0    success\n"
    "  1    the skill or the bundle is not accepted, or something cannot be written\n"
    "  2    the command was used wrongly\n";

struct BundleOptions {
  std::string source;
  std::string output;
  std::string folder = ".";
  std::string language = "python";
  bool json = false;
};

int failure(const Error& error) {
  write_error(error.detail);
  return agent::kExitSkillFailed;
}

int make_skill(const BundleOptions& options) {
  const auto language = options.language == "shell" ? ScriptLanguage::shell : ScriptLanguage::python;
  const auto folder = scaffold_skill(options.source, options.folder, language);
  if (!folder) {
    write_error(folder.error().detail);
    return folder.error().code == ErrorCode::invalid_config ? agent::kExitUsage : agent::kExitSkillFailed;
  }
  const std::string place = folder.value().string();
  write_for_reader("made " + place + "\n");
  write_note("next: skillscale skills validate " + place);
  return agent::kExitSuccess;
}

int print_bundle(const Bundle& bundle, const char* deed, bool json) {
  for (const Problem& problem : bundle.problems) write_note(to_text(problem));
  if (json) {
    const Json answer{{"path", bundle.place.string()}, {"name", bundle.name},   {"version", bundle.version},
                      {"digest", bundle.digest},       {"files", bundle.files}, {"bytes", bundle.bytes}};
    write_for_reader(answer.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    write_for_reader(std::string(deed) + ' ' + bundle.place.string() + ": " + std::to_string(bundle.files) +
                     (bundle.files == 1 ? " file, " : " files, ") + std::to_string(bundle.bytes) + " bytes, " +
                     bundle.digest + "\n");
  }
  return agent::kExitSuccess;
}

int pack(const BundleOptions& options) {
  const auto interpreters = installed_interpreters();
  if (!interpreters) return failure(interpreters.error());
  const auto bundle = pack_skill(options.source, options.output, interpreters.value());
  return bundle ? print_bundle(bundle.value(), "packed", options.json) : failure(bundle.error());
}

int unpack(const BundleOptions& options) {
  const auto interpreters = installed_interpreters();
  if (!interpreters) return failure(interpreters.error());
  const auto bundle = unpack_skill(options.source, options.folder, interpreters.value());
  return bundle ? print_bundle(bundle.value(), "unpacked", options.json) : failure(bundle.error());
}

}  // namespace

void add_skills_new(CLI::App& skills, int& status) {
  auto options = std::make_shared<BundleOptions>();
  auto* command = skills.add_subcommand("new", "Make a new skill that runs, with a sample for `skills test`");
  command->add_option("name", options->source, "The skill's name: lower-case letters, digits and hyphens")->required();
  command->add_option("--dir", options->folder, "Where the skill's folder is made")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_option("--language", options->language, "Of its script")
      ->check(CLI::IsMember({"python", "shell"}))
      ->capture_default_str();
  command->footer(kFooter);
  command->callback([options, &status] { status = make_skill(*options); });
}

void add_skills_bundles(CLI::App& skills, int& status) {
  auto packed = std::make_shared<BundleOptions>();
  auto* pack_command = skills.add_subcommand("pack", "Put a skill into one file; the same files give the same bytes");
  pack_command->add_option("folder", packed->source, "The skill's folder")->type_name("DIR")->required();
  pack_command->add_option("-o,--output", packed->output, "The bundle (NAME-VERSION.skill)")->type_name("FILE");
  pack_command->add_flag("--json", packed->json, "Print JSON");
  pack_command->footer(kFooter);
  pack_command->callback([packed, &status] { status = pack(*packed); });

  auto unpacked = std::make_shared<BundleOptions>();
  auto* unpack_command = skills.add_subcommand("unpack", "Open a bundle after checking all of it");
  unpack_command->add_option("file", unpacked->source, "A bundle, or any .zip, .tar or .tar.gz with a skill")
      ->type_name("FILE")
      ->required();
  unpack_command->add_option("--dir", unpacked->folder, "Where the skill's folder is made")
      ->type_name("DIR")
      ->capture_default_str();
  unpack_command->add_flag("--json", unpacked->json, "Print JSON");
  unpack_command->footer(kFooter);
  unpack_command->callback([unpacked, &status] { status = unpack(*unpacked); });
}

}  // namespace skillscale::cli
