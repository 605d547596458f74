#include "skills/skill_scripts.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "skills/file_text.h"
#include "skills/skill_files.h"
#include "skills/skill_folders.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMagicBytes = 4;

// Also one whose interpreter is missing, so that it can be said.
bool looks_like_script(const fs::path& file, bool executable) {
  if (has_script_extension(file)) return file.filename() != "__init__.py";
  const auto start = read_file_prefix(file, kMagicBytes);
  return start && (start->starts_with("#!") || (executable && start->starts_with("\x7f"
                                                                                 "ELF")));
}

bool is_identifier(std::string_view name) {
  const auto begins = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  };
  return !name.empty() && begins(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return begins(c) || (c >= '0' && c <= '9'); });
}

bool is_dotted_name(std::string_view name) {
  for (;;) {
    const std::size_t dot = name.find('.');
    if (!is_identifier(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_file_inside(const fs::path& file, const fs::path& folder) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  return !error && is_inside(real, folder) && fs::is_regular_file(real, error);
}

Error refusal(std::string why) { return {ErrorCode::invalid_config, std::move(why)}; }

// Fills in where the module is: imported from the skill's folder, or a file of one of the folders
// in which authors keep their code.
Result<void> place_module(FunctionEntry& entry, const fs::path& folder) {
  std::string path = entry.module;
  std::replace(path.begin(), path.end(), '.', '/');
  for (const char* place : {"", "scripts", "implementations"}) {
    for (const std::string& file : {path + ".py", path + "/__init__.py"}) {
      const fs::path candidate = folder / place / file;
      if (!is_file_inside(candidate, folder)) continue;
      if (*place != '\0') entry.file = candidate.string();
      return {};
    }
  }
  return refusal("there is no module " + in_quotes(entry.module) + " in the skill's folder");
}

bool is_decorator(std::string_view line) {
  constexpr std::array<std::string_view, 3> kForms = {"@skill", "@skillscale.skill", "@sdk.skill"};
  return std::any_of(kForms.begin(), kForms.end(), [line](std::string_view form) {
    if (!line.starts_with(form)) return false;
    const std::string_view rest = line.substr(form.size());
    return rest.empty() || rest.front() == '(' || rest.front() == ' ' || rest.front() == '\r' || rest.front() == '#';
  });
}

bool holds_decorator(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (is_decorator(text.substr(0, end))) return true;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return false;
}

}  // namespace

Result<std::vector<Script>> find_scripts(const fs::path& folder, const fs::path& boundary,
                                         const Interpreters& interpreters) {
  const auto files = list_skill_files(folder, boundary, "scripts");
  if (!files) return files.error();
  std::vector<Script> scripts;
  for (const SkillFile& file : files.value()) {
    const fs::path place = folder / file.path;
    if (!file.link_outside.empty() || !looks_like_script(place, file.executable)) continue;
    if (scripts.size() >= limits::kSkillScriptsMax) {
      return Error{ErrorCode::too_large,
                   "there are more than " + std::to_string(limits::kSkillScriptsMax) + " scripts below scripts/"};
    }
    Script script;
    script.path = file.path;
    auto resolved = resolve_script(place, interpreters);
    if (resolved) {
      script.run = std::move(resolved->run);
    } else {
      script.not_runnable = resolved.error().detail;
    }
    scripts.push_back(std::move(script));
  }
  return scripts;
}

Result<FunctionEntry> resolve_entrypoint(const std::string& entrypoint, FunctionEntry::Dialect dialect,
                                         const fs::path& folder, const Interpreters& interpreters) {
  FunctionEntry entry;
  entry.dialect = dialect;
  const std::size_t colon = entrypoint.rfind(':');
  const std::string place = entrypoint.substr(0, colon);
  entry.function = colon == std::string::npos ? "run" : entrypoint.substr(colon + 1);
  if (!is_identifier(entry.function))
    return refusal("in " + in_quotes(entrypoint) + " there is no function after the colon");

  if (place.ends_with(".py")) {
    if (!is_file_inside(folder / place, folder)) {
      return refusal("the file " + in_quotes(place) + " is not there, or not inside the skill's folder");
    }
    entry.file = (folder / place).lexically_normal().string();
  } else if (colon != std::string::npos && is_dotted_name(place)) {
    entry.module = place;
    if (auto placed = place_module(entry, folder); !placed) return std::move(placed).error();
  } else {
    return refusal("the entry " + in_quotes(entrypoint) + " is neither FILE.py[:FUNCTION] nor MODULE:FUNCTION");
  }
  const auto python = interpreters.find("python3");
  if (!python) return python.error();
  entry.python = python.value().path;
  return entry;
}

std::vector<std::string> find_decorated(const fs::path& folder, const std::vector<Script>& scripts) {
  std::vector<std::string> found;
  for (const Script& script : scripts) {
    if (!script.path.ends_with(".py")) continue;
    const auto text = read_file_prefix(folder / script.path, limits::kSourceBytesMax);
    if (text && holds_decorator(*text)) found.push_back(script.path);
  }
  return found;
}

}  // namespace skillscale
