#include "skill-server/skill_loader.h"

#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "base/limits.h"
#include "skill-server/file_text.h"
#include "skill-server/skill_folders.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEntryScripts[] = {"scripts/run.sh", "scripts/run.py"};

bool leads_out(const fs::path& file, const fs::path& root) {
  std::error_code error;
  const fs::path target = fs::canonical(file, error);
  return error || !is_inside(target, root);
}

// Sets `run`, or `not_runnable` and a problem. Neither without a script.
void resolve_entry(Skill& skill, const SkillFolder& folder, const fs::path& root, const Interpreters& interpreters,
                   Problems& problems) {
  for (const char* name : kEntryScripts) {
    const fs::path script = skill.folder / name;
    std::error_code error;
    if (!fs::exists(fs::symlink_status(script, error))) continue;

    auto resolved = leads_out(script, root) ? Result<Resolved>(Error{ErrorCode::invalid_config,
                                                                     "the link leads nowhere, or out of the "
                                                                     "skills directory"})
                                            : resolve_script(script, interpreters);
    if (!resolved) {
      skill.not_runnable = std::string(name) + ": " + resolved.error().detail;
      report(problems, {folder.shown / name, 1, Severity::error, "cannot be run: " + resolved.error().detail});
      return;
    }
    if (!resolved->warning.empty()) report(problems, {folder.shown / name, 1, Severity::warning, resolved->warning});
    skill.run = std::move(resolved->run);
    return;
  }
}

Skill skill_from(Manifest manifest, const fs::path& folder) {
  Skill skill;
  skill.name = std::move(manifest.name);
  skill.description = std::move(manifest.description);
  skill.version = std::move(manifest.version);
  skill.tags = std::move(manifest.tags);
  skill.license = std::move(manifest.license);
  skill.compatibility = std::move(manifest.compatibility);
  skill.metadata = std::move(manifest.metadata);
  skill.folder = folder;
  skill.idempotent = manifest.idempotent;
  skill.timeout = manifest.timeout;
  skill.body = std::move(manifest.body);
  return skill;
}

struct LoadedSkill {
  SkillPtr skill;  // Null: a problem of severity error says why.
  Problems problems;
};

LoadedSkill load_skill(const SkillFolder& folder, const fs::path& root, const Interpreters& interpreters,
                       Strictness strictness) {
  LoadedSkill loaded;
  const fs::path shown = folder.shown / kSkillFileName;
  const fs::path file = folder.real / kSkillFileName;
  if (leads_out(file, root)) {
    report(loaded.problems, {shown, 0, Severity::error, "not read: the link leads out of the skills directory"});
    return loaded;
  }
  // One byte more than allowed, so that the parser sees that it is too much.
  const auto text = read_file_prefix(file, limits::kManifestBytesMax + 1);
  if (!text) {
    report(loaded.problems, {shown, 0, Severity::error, text.error().detail});
    return loaded;
  }
  // The folder's own name counts, also where `shown` is "." or a link.
  ManifestReading reading = parse_manifest(*text, file, strictness);
  for (Problem& problem : reading.problems) problem.file = shown;
  loaded.problems = std::move(reading.problems);
  if (!reading.manifest) return loaded;

  Skill skill = skill_from(std::move(*reading.manifest), folder.real);
  resolve_entry(skill, folder, root, interpreters, loaded.problems);
  if (skill.instructions_only() && skill.body.empty()) {
    report(loaded.problems, {shown, 0, Severity::warning, "no scripts/run.sh, no scripts/run.py and no instructions"});
  }
  loaded.skill = std::make_shared<const Skill>(std::move(skill));
  return loaded;
}

}  // namespace

Result<LoadedSkills> load_skills(const fs::path& root, const Interpreters& interpreters, Strictness strictness) {
  auto found = find_skill_folders(root);
  if (!found) return std::move(found).error();

  LoadedSkills result;
  result.looked_at = found->folders.size();
  result.problems = std::move(found->problems);
  std::map<std::string, fs::path> first_with_name;
  for (const SkillFolder& folder : found->folders) {
    LoadedSkill loaded = load_skill(folder, found->root, interpreters, strictness);
    if (loaded.skill) {
      const auto [first, is_new] = first_with_name.emplace(loaded.skill->name, folder.shown);
      if (is_new) {
        result.skills.push_back(std::move(loaded.skill));
      } else {
        report(loaded.problems,
               {folder.shown / kSkillFileName, 0, Severity::error,
                "not loaded: " + first->second.string() + " has the same name, " + in_quotes(first->first)});
      }
    }
    std::move(loaded.problems.begin(), loaded.problems.end(), std::back_inserter(result.problems));
  }
  return result;
}

}  // namespace skillscale
