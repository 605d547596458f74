#include "engine/sandbox_policy.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace skillscale {
namespace {

namespace fs = std::filesystem;

bool has_entry(const fs::path& folder, std::string_view prefix) {
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    if (entry->path().filename().native().starts_with(prefix)) return true;
  }
  return false;
}

// Where an interpreter keeps its libraries, so that PREFIX/bin/NAME needs all of PREFIX.
bool is_prefix(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "pyvenv.cfg", ignored) || fs::is_directory(folder / "lib/node_modules", ignored) ||
         has_entry(folder / "lib", "python3");
}

void add_program(std::vector<std::string>& paths, const fs::path& program) {
  const fs::path folder = program.parent_path();
  const bool with_prefix = folder.filename() == "bin" && is_prefix(folder.parent_path());
  const fs::path path = with_prefix ? folder.parent_path() : program;
  if (path != path.root_path()) paths.push_back(path.native());
}

bool belongs_to_system(const fs::path& program) {
  for (const std::string_view folder : {"/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"}) {
    if (program.native().starts_with(folder)) return true;
  }
  return false;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string in_words(SandboxProfile profile) { return "sandbox " + std::string(name_of(profile)); }

}  // namespace

Result<SandboxRules> SandboxRules::from_names(const std::string& profile, const std::string& weakest,
                                              bool allow_network) {
  const auto strength = sandbox_profile_from_name(profile);
  if (!strength) return Error{ErrorCode::invalid_config, "sandbox: allowed are none, standard and strict"};
  const auto least = sandbox_profile_from_name(weakest);
  if (!least) return Error{ErrorCode::invalid_config, "sandbox-weakest: allowed are none, standard and strict"};
  if (*least > *strength) {
    return Error{ErrorCode::invalid_config,
                 "sandbox-weakest is " + weakest + ", which is stronger than sandbox, " + profile};
  }
  return SandboxRules{.profile = *strength, .weakest = *least, .allow_network = allow_network};
}

Result<EffectiveSandbox> effective_profile(const Skill& skill, const SandboxRules& rules) {
  EffectiveSandbox effective{
      .profile = rules.profile, .network = skill.wants_network && rules.allow_network, .warning = {}};
  if (!skill.sandbox.empty()) {
    const auto wanted = sandbox_profile_from_name(skill.sandbox);
    if (!wanted) return Error{ErrorCode::not_allowed, "the skill asks for an unknown sandbox"};
    if (*wanted < rules.weakest) {
      return Error{ErrorCode::not_allowed, "the skill asks for the " + in_words(*wanted) + "; this server allows " +
                                               std::string(name_of(rules.weakest)) +
                                               " at least (its setting sandbox-weakest)"};
    }
    effective.profile = *wanted;
  }
  if (skill.wants_network && !rules.allow_network && effective.profile != SandboxProfile::none) {
    effective.warning = "the skill asks for the network, which this server does not allow (its setting allow-network)";
  }
  return effective;
}

std::vector<std::string> paths_of_program(const std::string& program) {
  std::vector<std::string> paths;
  if (!belongs_to_system(program)) add_program(paths, program);
  // A virtual environment's python is a link to the one that has the library.
  std::error_code failed;
  const fs::path target = fs::canonical(program, failed);
  if (!failed && target != program && !belongs_to_system(target)) add_program(paths, target);
  return paths;
}

Result<SandboxPolicy> SandboxPolicy::create(const SandboxRules& rules, const SandboxSettings& settings) {
  auto sandbox = Sandbox::create(settings, probe_sandbox());
  if (!sandbox) return std::move(sandbox).error();
  const auto absent = sandbox->missing(rules.profile);
  if (absent.empty() || settings.on_missing == SandboxSettings::OnMissing::degrade) {
    return SandboxPolicy(rules, *std::move(sandbox));
  }
  std::string detail = "the " + in_words(rules.profile) + " cannot be had here: this machine lacks " + joined(absent);
  const std::string& why = sandbox->features().namespaces_problem;
  if (rules.profile == SandboxProfile::strict && !why.empty()) detail += " (" + why + ")";
  return Error{ErrorCode::not_allowed,
               detail + "; choose a weaker one with --sandbox, or allow what there is with --sandbox-missing degrade"};
}

Result<SandboxPolicy::ConfinedRun> SandboxPolicy::confine(const Skill& skill, const std::string& program,
                                                          const std::string& run_folder, const ResourceLimits& limits,
                                                          const std::vector<std::string>& readable) const {
  auto effective = effective_profile(skill, rules_);
  if (!effective) return std::move(effective).error();
  SandboxRequest request{.profile = effective->profile,
                         .network = effective->network,
                         .run_folder = run_folder,
                         .readable = paths_of_program(program),
                         .limits = limits};
  request.readable.push_back(skill.folder.native());
  request.readable.insert(request.readable.end(), readable.begin(), readable.end());
  auto confined = sandbox_.confine(request);
  if (!confined) return std::move(confined).error();
  ConfinedRun run{.confined = *std::move(confined), .warnings = {}};
  if (!effective->warning.empty()) run.warnings.push_back(std::move(effective->warning));
  if (const auto absent = sandbox_.missing(request.profile); !absent.empty()) {
    run.warnings.push_back("the " + in_words(request.profile) +
                           " is weaker here than it should be: this server lacks " + joined(absent));
  }
  return run;
}

}  // namespace skillscale
