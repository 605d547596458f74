#include "skills/validate.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "skills/python_imports.h"
#include "skills/skill_loader.h"

namespace skillscale {
namespace {

bool is_path_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == '/';
}

// The paths `scripts/NAME.EXT` in the instructions, that an agent would try to run.
std::set<std::string> mentioned_scripts(std::string_view body) {
  constexpr std::string_view kFolder = "scripts/";
  std::set<std::string> paths;
  for (std::size_t place = body.find(kFolder); place != std::string_view::npos && paths.size() < limits::kMentionsMax;
       place = body.find(kFolder, place + 1)) {
    // Part of a longer path: somebody else's.
    if (place > 0 && is_path_character(body[place - 1]) && !body.substr(0, place).ends_with("./")) continue;
    const auto begin = body.begin() + static_cast<std::ptrdiff_t>(place);
    std::string path(begin, std::find_if_not(begin, body.end(), is_path_character));
    while (path.ends_with('.') || path.ends_with('/')) path.pop_back();
    if (has_script_extension(path)) paths.insert(std::move(path));
  }
  return paths;
}

void check_mentions(const Skill& skill, const std::filesystem::path& shown, Problems& problems) {
  for (const std::string& path : mentioned_scripts(skill.body)) {
    std::error_code error;
    if (std::filesystem::exists(skill.folder / path, error)) continue;
    report(problems, {shown, 0, Severity::warning, "the text mentions " + path + ", which is not there"});
  }
}

// Depends on the machine, so it is no fault of the skill.
void check_modules(const Skill& skill, Problems& problems) {
  const auto missing = missing_modules(skill);
  if (!missing) {
    report(problems, {skill.folder, 0, Severity::warning, missing.error().detail});
    return;
  }
  for (const auto& [path, names] : missing.value()) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    report(problems,
           {skill.folder / path, 0, Severity::warning, "imports what this machine's Python has not: " + text});
  }
}

}  // namespace

Result<Validation> validate_skills(const std::filesystem::path& folder, const Interpreters& interpreters) {
  auto loaded = load_skills(folder, interpreters, Strictness::strict);
  if (!loaded) return std::move(loaded).error();

  Validation validation{loaded->looked_at, std::move(loaded->problems)};
  if (validation.skills == 0) {
    report(validation.problems, {folder, 0, Severity::error, "no SKILL.md here or in the folders below"});
  }
  for (const SkillPtr& skill : loaded->skills) {
    check_mentions(*skill, skill->folder, validation.problems);
    check_modules(*skill, validation.problems);
  }
  return validation;
}

}  // namespace skillscale
