// skillscale skills test DIR
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent-client/command_text.h"
#include "commands.h"
#include "console.h"
#include "engine/samples.h"
#include "local_runs.h"
#include "os/shutdown.h"
#include "skills.h"

namespace skillscale::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Each tests/*.json of a skill is a sample: {\"description\", \"intent\": {...}, \"expect\": {...}}. The intent has "
    "the\n"
    "fields of docs/protocol.md without request_id and reply_to. Expected may be: status (\"success\" unless it is\n"
    "given), code, exit_code, content_contains (a list), content_equals, content_matches (a regular expression),\n"
    "outputs, artifacts (a list of {path, sha256, min_bytes}).\n"
    "\n"
    "Exit status:\n"
    "  0    all samples are as expected\n"
    "  1    some are not, or cannot be read\n"
    "  2    the command was used wrongly, or the folder cannot be read\n";

struct TestOptions {
  std::string folder = default_skills_folder();
  bool json = false;
  SandboxOptions sandbox;
};

// One sample and how it went.
struct Verdict {
  std::string skill;
  std::string sample;
  double run_ms = 0;
  std::vector<std::string> problems;
};

Verdict try_sample(const LocalEngine& engine, const SkillPtr& skill, const Sample& sample, int cancel_fd) {
  Verdict verdict{skill->name, sample.name, 0, {}};
  const Reply reply = engine.run(skill, sample.intent, cancel_fd);
  verdict.run_ms = reply.timing_ms.run.value_or(0);
  verdict.problems = differences(sample, reply);
  return verdict;
}

void say(const Verdict& verdict) {
  std::string text = (verdict.problems.empty() ? "ok    " : "FAIL  ") + verdict.skill + "/" + verdict.sample;
  text += " (" + std::to_string(static_cast<long>(verdict.run_ms)) + " ms)\n";
  for (const std::string& problem : verdict.problems) text += "      " + problem + "\n";
  write_for_reader(text);
}

Json to_json(const std::vector<Verdict>& verdicts, std::size_t failed) {
  Json samples = Json::array();
  for (const Verdict& verdict : verdicts) {
    samples.push_back({{"skill", verdict.skill},
                       {"sample", verdict.sample},
                       {"passed", verdict.problems.empty()},
                       {"run_ms", verdict.run_ms},
                       {"problems", verdict.problems}});
  }
  return {{"samples", std::move(samples)}, {"passed", verdicts.size() - failed}, {"failed", failed}};
}

std::vector<Verdict> try_skill(const LocalEngine& engine, const SkillPtr& skill, Shutdown& shutdown) {
  std::vector<Verdict> verdicts;
  for (const auto& file : sample_files(skill->folder)) {
    auto sample = read_sample(file);
    if (!sample) {
      verdicts.push_back({skill->name, file.stem().string(), 0, {sample.error().detail}});
    } else if (*sample) {
      verdicts.push_back(try_sample(engine, skill, **sample, shutdown.fd()));
    }
  }
  return verdicts;
}

int test_skills(const TestOptions& options) {
  auto scanned = scan_here(options.folder);
  if (!scanned) {
    write_error(scanned.error().detail);
    return agent::kExitUsage;
  }
  auto shutdown = Shutdown::on_signals({SIGINT, SIGTERM});
  const auto engine = LocalEngine::start(options.sandbox);
  if (!engine) {
    write_error(engine.error().detail);
    return agent::kExitUsage;
  }
  std::vector<Verdict> verdicts;
  std::size_t failed = 0;
  for (const SkillPtr& skill : scanned->catalogue.all()) {
    for (Verdict& verdict : try_skill(**engine, skill, shutdown)) {
      if (!options.json) say(verdict);
      failed += verdict.problems.empty() ? 0 : 1;
      verdicts.push_back(std::move(verdict));
    }
    if (shutdown.take_signal()) return agent::kExitInterrupted;
  }
  if (options.json) {
    write_for_reader(to_json(verdicts, failed).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    write_for_reader(std::to_string(verdicts.size() - failed) + " passed, " + std::to_string(failed) + " failed\n");
  }
  return failed == 0 ? agent::kExitSuccess : agent::kExitSkillFailed;
}

}  // namespace

void add_skills_test(CLI::App& skills, int& status) {
  auto options = std::make_shared<TestOptions>();
  auto* command = skills.add_subcommand("test", "Run the samples of one skill, or of all below a folder");
  command->add_option("folder", options->folder, "Where the skills are (SKILLSCALE_SKILLS_DIR, else ./skills)")
      ->type_name("DIR");
  add_sandbox_options(*command, options->sandbox);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(kFooter);
  command->callback([options, &status] { status = test_skills(*options); });
}

}  // namespace skillscale::cli
