#include "engine/run_plan.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "engine/credentials.h"
#include "engine/input_check.h"
#include "engine/python_runtime.h"
#include "skills/problem.h"

namespace skillscale {
namespace {

constexpr std::string_view kModulePrefix = "-m ";
constexpr std::string_view kScriptsFolder = "scripts/";

Error refuse(ErrorCode code, std::string detail) { return {code, std::move(detail)}; }

Error unknown_script(const Skill& skill, std::string_view script) {
  std::string text = "the skill \"" + skill.name + "\" has no script " + in_quotes(script);
  std::string names;
  std::size_t count = 0;
  for (const Script& known : skill.scripts) {
    if (++count > limits::kSkillNamesListedMax) break;
    names += (names.empty() ? "" : ", ") + known.path;
  }
  if (count > limits::kSkillNamesListedMax) names += ", ...";
  return refuse(ErrorCode::unknown_script, text + (names.empty() ? "; it has none" : "; it has " + names));
}

const Script* find_script(const Skill& skill, std::string_view name) {
  const std::string below = std::string(kScriptsFolder) + std::string(name);
  for (const Script& script : skill.scripts) {
    if (script.path == name || script.path == below) return &script;
  }
  return nullptr;
}

// The interpreter that the skill's own Python files have; empty: it has none.
std::string python_of(const Skill& skill) {
  if (skill.function) return skill.function->python;
  const auto is_python = [](const Runnable& run) {
    return std::filesystem::path(run.program).filename().native().starts_with("python");
  };
  if (skill.run && is_python(*skill.run)) return skill.run->program;
  for (const Script& script : skill.scripts) {
    if (script.run && is_python(*script.run)) return script.run->program;
  }
  return {};
}

// The file of `a.b.c` below the skill's folder: a module, or a package that can be run.
bool has_module(const Skill& skill, const std::string& module) {
  std::string path;
  for (const char c : module) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!letter && c != '.') return false;
    path += c == '.' ? '/' : c;
  }
  if (path.empty() || path.front() == '/' || path.size() > limits::kRunPathBytesMax) return false;
  std::error_code ignored;
  return std::filesystem::is_regular_file(skill.folder / (path + ".py"), ignored) ||
         std::filesystem::is_regular_file(skill.folder / path / "__main__.py", ignored);
}

Result<RunPlan> plan_module(const Skill& skill, const std::string& script) {
  const std::string module = script.substr(kModulePrefix.size());
  if (!has_module(skill, module)) return unknown_script(skill, script);
  const std::string python = python_of(skill);
  if (python.empty()) return refuse(ErrorCode::spawn_failed, "the skill has no Python script that can be run");
  RunPlan plan;
  plan.kind = RunPlan::Kind::program;
  plan.run = {python, {python, "-m", module}};
  plan.is_module = true;
  return plan;
}

Result<RunPlan> plan_script(const Skill& skill, const std::string& name) {
  if (name.starts_with(kModulePrefix)) return plan_module(skill, name);
  const Script* script = find_script(skill, name);
  if (script == nullptr) return unknown_script(skill, name);
  if (!script->run) return refuse(ErrorCode::spawn_failed, script->path + ": " + script->not_runnable);
  RunPlan plan;
  plan.kind = RunPlan::Kind::program;
  plan.run = *script->run;
  return plan;
}

// Without a script in the intent the skill decides.
Result<RunPlan> plan_entry(const Skill& skill, const Intent& intent) {
  RunPlan plan;
  if (skill.run) {
    plan.kind = RunPlan::Kind::program;
    plan.run = *skill.run;
    return plan;
  }
  if (!skill.not_runnable.empty()) return refuse(ErrorCode::spawn_failed, skill.not_runnable);
  if (!intent.args.empty()) return refuse(ErrorCode::invalid_request, "args: are given without a script");
  if (skill.function) plan.kind = RunPlan::Kind::function;
  return plan;
}

template <typename Number>
Number stricter(Number wanted, Number allowed) {
  if (wanted == Number{}) return allowed;
  return allowed == Number{} ? wanted : std::min(wanted, allowed);
}

}  // namespace

Result<RunPlan> plan_run(const RunWork& work) {
  const Skill& skill = *work.skill;
  const Intent& intent = work.intent;
  auto plan = intent.script.empty() ? plan_entry(skill, intent) : plan_script(skill, intent.script);
  if (!plan) return plan;
  for (const std::string& argument : intent.args) plan->run.argv.push_back(argument);
  if (plan->kind == RunPlan::Kind::answer) return plan;
  if (auto allowed = check_variables(skill, intent); !allowed) return std::move(allowed).error();
  if (plan->kind == RunPlan::Kind::function || intent.input_json) {
    const bool takes_text = skill.function && skill.function->dialect == FunctionEntry::Dialect::skillos;
    const auto input = function_input(intent);
    if (input || !takes_text) {
      if (auto checked = check_input(skill.inputs, input); !checked) return std::move(checked).error();
    }
  }
  for (const std::string& pattern : intent.collect) {
    auto glob = Glob::parse(pattern);
    if (!glob) return std::move(glob).error();
    plan->collect.push_back(std::move(*glob));
  }
  return plan;
}

RunMaxima maxima_for(const SkillLimits& skill, const RunMaxima& operators) {
  RunMaxima maxima = operators;
  maxima.memory_bytes = stricter(skill.memory_bytes.value_or(0), operators.memory_bytes);
  maxima.cpu = stricter(skill.cpu.value_or(std::chrono::seconds(0)), operators.cpu);
  maxima.folder_bytes = stricter(skill.folder_bytes.value_or(0), operators.folder_bytes);
  maxima.processes = stricter(skill.processes.value_or(0), operators.processes);
  maxima.output_bytes = stricter(static_cast<std::size_t>(skill.output_bytes.value_or(0)), operators.output_bytes);
  return maxima;
}

Result<void> check_files(const std::vector<InputFile>& files, const RunMaxima& maxima) {
  std::uint64_t bytes = 0;
  for (const InputFile& file : files) bytes += file.content.size();
  if (maxima.files != 0 && files.size() > maxima.files) {
    return refuse(ErrorCode::too_large, "files: there are " + std::to_string(files.size()) + "; a run may have " +
                                            std::to_string(maxima.files));
  }
  if (maxima.folder_bytes != 0 && bytes > maxima.folder_bytes) {
    return refuse(ErrorCode::too_large, "files: they have " + std::to_string(bytes) + " bytes; a run may have " +
                                            std::to_string(maxima.folder_bytes));
  }
  return {};
}

}  // namespace skillscale
