#include "engine/run_environment.h"

#include <algorithm>
#include <string_view>

#include "base/limits.h"
#include "engine/credentials.h"
#include "os/running_process.h"

namespace skillscale {
namespace {

constexpr const char* kStandardPath = "/usr/local/bin:/usr/bin:/bin";

// What a script starts by name is what its interpreter would start.
std::string path_for(const std::string& program) {
  const std::size_t slash = program.rfind('/');
  const std::string_view folder = std::string_view(program).substr(0, slash == std::string::npos ? 0 : slash);
  const bool standard = folder == "/usr/local/bin" || folder == "/usr/bin" || folder == "/bin";
  return standard || folder.empty() ? kStandardPath : std::string(folder) + ":" + kStandardPath;
}

bool fits_environment(const std::string& value) {
  return value.size() <= limits::kIntentEnvBytesMax && value.find('\0') == std::string::npos;
}

// In NAME, or else in the file that NAME_FILE names.
Result<void> add_text(RunEnvironment& environment, const std::string& name, const std::string& value,
                      RunFolder& folder) {
  if (fits_environment(value)) {
    environment.set(name, value);
    return {};
  }
  const std::string file = folder.own_file(name);
  if (auto written = folder.write_file(file, value); !written) return written;
  environment.set(name + "_FILE", folder.path() + "/" + file);
  return {};
}

}  // namespace

RunEnvironment::~RunEnvironment() {
  for (std::string& variable : variables_) wipe(variable);
}

void RunEnvironment::set(std::string_view name, std::string_view value) {
  if (value.find('\0') != std::string_view::npos) return;
  std::string variable;
  variable.reserve(name.size() + 1 + value.size());  // No copies of a secret are left behind by growing.
  variable.append(name).append("=");
  const auto same = std::ranges::find_if(variables_, [&](const std::string& old) { return old.starts_with(variable); });
  variable.append(value);
  if (same == variables_.end()) {
    variables_.push_back(std::move(variable));
  } else {
    *same = std::move(variable);
  }
}

void add_skill_variables(RunEnvironment& environment, const Skill& skill, const std::string& program,
                         const RunFolder& folder) {
  environment.set("PATH", path_for(program));
  environment.set("LANG", "C.UTF-8");
  environment.set("HOME", folder.home());
  environment.set("TMPDIR", folder.temporary());
  environment.set("SKILL_DIR", skill.folder.native());
  environment.set("CLAUDE_SKILL_DIR", skill.folder.native());
  environment.set("SKILLSCALE_SKILL", skill.name);
}

void add_function_variables(RunEnvironment& environment, const Skill& skill, const RunFolder& folder) {
  environment.set("SKILLSCALE_RESULT_FD", std::to_string(kResultFd));
  switch (skill.function->dialect) {
    case FunctionEntry::Dialect::open_skills:
      environment.set("OPEN_SKILLS_WORKDIR", folder.path());
      return;
    case FunctionEntry::Dialect::skillos:
      environment.set("SKILLOS_ROOT", skill.folder.native());
      return;
    case FunctionEntry::Dialect::skillet:
      return;
  }
}

Result<RunEnvironment> make_environment(const RunWork& work, const std::string& program, RunFolder& folder) {
  RunEnvironment environment;
  for (const auto& [name, value] : work.intent.env) environment.set(name, value);
  add_skill_variables(environment, *work.skill, program, folder);
  environment.set("SKILLSCALE_REQUEST_ID", work.intent.address.request_id);
  environment.set("SKILLSCALE_TOPIC", work.topic);
  if (!work.intent.traceparent.empty()) environment.set("TRACEPARENT", work.intent.traceparent);
  if (auto added = add_text(environment, "SKILLSCALE_INTENT", work.intent.body, folder); !added) return added.error();
  if (work.intent.input_json) {
    if (auto added = add_text(environment, "SKILLSCALE_INPUT", *work.intent.input_json, folder); !added) {
      return added.error();
    }
  }
  return environment;
}

}  // namespace skillscale
