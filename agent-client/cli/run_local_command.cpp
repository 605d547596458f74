// skillscale run-local SKILL ...
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "agent-client/command_text.h"
#include "agent-client/terminal_text.h"
#include "base/random_id.h"
#include "commands.h"
#include "connection_options.h"
#include "console.h"
#include "local_runs.h"
#include "os/shutdown.h"
#include "protocol/codec.h"
#include "run_options.h"
#include "skills.h"

namespace skillscale::cli {
namespace {

constexpr const char* kFooter =
    "SKILL is the folder of a skill, or the name of one below --dir. It runs as a skill server runs it: the same\n"
    "folder, environment, sandbox, limits and reply.\n"
    "\n"
    "Examples:\n"
    "  skillscale run-local skills/data-processing/csv-analyzer --stdin data.csv\n"
    "  skillscale run-local archive-tool --dir skills --script scripts/pack.py --arg out.zip --file a.txt --collect "
    "out.zip\n"
    "  skillscale run-local ./my-skill --input '{\"url\": \"x\"}' --env API_TOKEN --json\n"
    "\n"
    "Exit status:\n"
    "  0    success\n"
    "  1    the skill failed, or could not be run\n"
    "  2    the command was used wrongly, or there is no such skill\n"
    "  130  interrupted (Ctrl-C)\n";

struct LocalOptions {
  std::string skill;
  std::vector<std::string> words;
  std::string folder = default_skills_folder();
  std::string standard_input;
  std::optional<double> timeout_seconds;
  bool json = false;
  RunOptions run;
  SandboxOptions sandbox;
};

int usage_error(const Error& error) {
  write_error(error.detail);
  return agent::kExitUsage;
}

Result<SkillPtr> find_skill(const LocalOptions& options) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(options.skill, ignored);
  auto scanned = scan_here(is_folder ? options.skill : options.folder);
  if (!scanned) return std::move(scanned).error();
  if (is_folder && scanned->catalogue.all().size() == 1) return scanned->catalogue.all().front();
  SkillPtr skill = is_folder ? nullptr : scanned->catalogue.find(options.skill);
  if (skill) return skill;
  std::string text = is_folder
                         ? options.skill + " is not the folder of one skill"
                         : unknown_skill_text(scanned->catalogue, options.skill) + "\n  looked in " + options.folder;
  for (const Problem& problem : scanned->problems) text += "\n" + to_text(problem);
  return Error{ErrorCode::unknown_skill, std::move(text)};
}

// As a skill server would have read it from the wire.
Result<Intent> make_intent(const LocalOptions& options) {
  auto inputs = read_run_inputs(options.run);
  if (!inputs) return std::move(inputs).error();
  Intent intent;
  intent.address = {random_id(), "LOCAL"};
  for (const std::string& word : options.words) intent.body += (intent.body.empty() ? "" : " ") + word;
  intent.script = options.run.script;
  intent.args = options.run.args;
  if (!inputs->input_json.empty()) intent.input_json = inputs->input_json;
  if (!options.standard_input.empty()) {
    auto data = read_input(options.standard_input);
    if (!data) return std::move(data).error();
    intent.stdin_data = std::move(*data);
  }
  for (auto& [path, content] : inputs->files) intent.files.push_back({std::move(path), std::move(content)});
  intent.collect = options.run.collect;
  intent.env = std::move(inputs->env);
  if (options.timeout_seconds) intent.timeout = to_milliseconds(*options.timeout_seconds);
  return decode_intent(encode_intent(intent));
}

void show(const Reply& reply, bool json) {
  if (json) {
    const std::string text = encode_reply(reply);
    output_is_terminal() ? write_for_reader(text) : write_output(text + "\n");
    return;
  }
  write_for_reader(reply.content);
  for (const std::string& warning : reply.warnings) write_note("warning: " + warning);
  for (const Artifact& artifact : reply.artifacts) {
    write_note("artifact: " + artifact.path + ", " + std::to_string(artifact.content.size()) + " bytes");
  }
  if (!reply.success) write_error(reply.code + ": " + reply.error);
}

int run_local(const LocalOptions& options) {
  auto skill = find_skill(options);
  if (!skill) return usage_error(skill.error());
  auto intent = make_intent(options);
  if (!intent) return usage_error(intent.error());
  auto shutdown = Shutdown::on_signals({SIGINT, SIGTERM});
  const auto engine = LocalEngine::start(options.sandbox);
  if (!engine) return usage_error(engine.error());
  const Reply reply = (*engine)->run(std::move(*skill), std::move(*intent), shutdown.fd());
  show(reply, options.json);
  if (!options.run.out.empty()) {
    std::vector<OutFile> files;
    for (const Artifact& artifact : reply.artifacts) files.push_back({artifact.path, artifact.content});
    if (auto written = write_artifacts(options.run.out, files); !written) {
      write_error(written.error().detail);
      return agent::kExitSkillFailed;
    }
  }
  if (reply.code == name_of(ErrorCode::cancelled)) return agent::kExitInterrupted;
  return reply.success ? agent::kExitSuccess : agent::kExitSkillFailed;
}

}  // namespace

void add_run_local(CLI::App& app, int& status) {
  // Owned by the callback: CLI11 fills it in and calls it.
  auto options = std::make_shared<LocalOptions>();
  auto* command = app.add_subcommand("run-local", "Run a skill here, without proxy and server");
  command->add_option("skill", options->skill, "Folder or name of the skill")->required();
  command->add_option("text", options->words, "The intent, in words or as JSON")->type_name("TEXT");
  command->add_option("--dir", options->folder, "Where skills are named (SKILLSCALE_SKILLS_DIR, else ./skills)")
      ->type_name("DIR");
  add_run_options(*command, options->run, "--file,--attach");
  command->add_option("--stdin", options->standard_input, "What the skill reads on standard input; -: what this reads")
      ->type_name("FILE");
  command->add_option("--timeout", options->timeout_seconds, "Seconds that the run may take")
      ->type_name("SECONDS")
      ->check(seconds_range());
  add_sandbox_options(*command, options->sandbox);
  command->add_flag("--json", options->json, "Print the whole reply as JSON");
  command->footer(kFooter);
  command->callback([options, &status] { status = run_local(*options); });
}

}  // namespace skillscale::cli
