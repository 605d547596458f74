#include "skill-server/catalogue_snapshot.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <utility>

#include "base/limits.h"
#include "daemon/logging.h"
#include "skills/fingerprint.h"
#include "skills/skill_folders.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

std::string hex(std::uint64_t number) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
  return digits;
}

// Of what an agent can see of the skill; the digest stands for the files. Without the folder, so
// that it is the same on every server.
std::uint64_t print_of(const Skill& skill) {
  Fingerprint print;
  print.add(skill.name).add(skill.version).add(skill.digest).add(skill.description).add(skill.body);
  print.add(skill.not_runnable).add(skill.deprecated).add(skill.replaced_by).add(skill.adapter_reason);
  for (const auto& [key, value] : skill.metadata) print.add(key).add(value);
  for (const std::string& tag : skill.tags) print.add(tag);
  if (skill.run) {
    const std::string& folder = skill.folder.native();
    for (const std::string_view argument : skill.run->argv) {
      print.add(argument.starts_with(folder) ? argument.substr(folder.size()) : argument);
    }
  }
  return print.value();
}

SnapshotPtr make(Catalogue catalogue, Problems problems, std::set<std::string, std::less<>> stale) {
  Fingerprint print;
  for (const SkillPtr& skill : catalogue.all()) {
    print.add(std::to_string(print_of(*skill))).add(stale.contains(skill->name) ? "stale" : "");
  }
  Matcher matcher(catalogue);
  return std::make_shared<const CatalogueSnapshot>(CatalogueSnapshot{
      std::move(catalogue), std::move(matcher), std::move(problems), std::move(stale), hex(print.value())});
}

bool is_still_there(const Skill& skill, const fs::path& root) {
  return is_inside(skill.source, root) && holds_skill(skill.source);
}

// The version before could be run and still can, as it lies in a copy.
bool is_broken(const Skill& skill, const Skill* before) {
  return before != nullptr && before->copy && before->source == skill.source && before->not_runnable.empty() &&
         !skill.not_runnable.empty();
}

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  const std::size_t listed = std::min(names.size(), limits::kSkillNamesListedMax);
  for (std::size_t i = 0; i < listed; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (listed < names.size()) text += " and " + std::to_string(names.size() - listed) + " more";
  return text;
}

void log_problem(const Problem& problem) {
  const bool fatal = problem.severity == Severity::error;
  log::write(fatal ? log::Level::error : log::Level::warn,
             fatal ? "a skill cannot be used as it is" : "a skill has a flaw",
             {{"file", problem.file.native()}, {"line", problem.line}, {"problem", problem.message}});
}

}  // namespace

SnapshotPtr first_snapshot(ScanResult scanned) {
  return make(std::move(scanned.catalogue), std::move(scanned.problems), {});
}

SnapshotPtr next_snapshot(const CatalogueSnapshot& previous, ScanResult scanned, const std::string& folder) {
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);  // `folder` may be a link that was set anew.
  std::vector<SkillPtr> skills;
  std::set<std::string, std::less<>> stale;
  const auto keep = [&](const SkillPtr& skill, const std::string& why) {
    skills.push_back(skill);
    stale.insert(skill->name);
    report(scanned.problems, {skill->source, 0, Severity::warning,
                              why + ": the version before is served as skill " + in_quotes(skill->name)});
  };
  std::set<fs::path> folders;
  for (const SkillPtr& skill : scanned.catalogue.all()) {
    folders.insert(skill->source);
    const SkillPtr before = previous.catalogue.find(skill->name);
    if (is_broken(*skill, before.get())) {
      keep(before, "cannot be run");
    } else {
      skills.push_back(skill);
    }
  }
  for (const SkillPtr& skill : previous.catalogue.all()) {
    if (scanned.catalogue.find(skill->name) || folders.contains(skill->source)) continue;
    if (skills.size() < limits::kSkillsMax && is_still_there(*skill, root)) keep(skill, "cannot be loaded");
  }
  return make(Catalogue::of(skills), std::move(scanned.problems), std::move(stale));
}

CatalogueChanges compare(const CatalogueSnapshot& before, const CatalogueSnapshot& after) {
  CatalogueChanges changes;
  for (const SkillPtr& skill : after.catalogue.all()) {
    const SkillPtr old = before.catalogue.find(skill->name);
    if (!old) {
      changes.added.push_back(skill->name);
    } else if (old != skill && print_of(*old) != print_of(*skill)) {
      changes.changed.push_back(skill->name);
    }
  }
  for (const SkillPtr& skill : before.catalogue.all()) {
    if (!after.catalogue.find(skill->name)) changes.removed.push_back(skill->name);
  }
  return changes;
}

void log_catalogue(const CatalogueSnapshot* before, const CatalogueSnapshot& after, const std::string& folder) {
  std::set<std::string> known;
  if (before != nullptr) {
    for (const Problem& problem : before->problems) known.insert(to_text(problem));
  }
  for (const Problem& problem : after.problems) {
    if (!known.contains(to_text(problem))) log_problem(problem);
  }
  for (const SkillPtr& skill : after.catalogue.all()) {
    const SkillPtr old = before == nullptr ? nullptr : before->catalogue.find(skill->name);
    const std::string deprecated = deprecation_text(*skill);
    if (deprecated.empty() || (old && print_of(*old) == print_of(*skill))) continue;
    log::warn("a skill is deprecated", {{"skill", skill->name}, {"deprecated", deprecated}});
  }
  if (after.catalogue.all().empty()) log::warn("no skill is loaded", {{"folder", folder}});
  if (before == nullptr) return;
  const CatalogueChanges changes = compare(*before, after);
  if (!changes.any() && before->stale == after.stale) return;
  log::info("the catalogue has changed", {{"skills", after.catalogue.all().size()},
                                          {"added", some_of(changes.added)},
                                          {"changed", some_of(changes.changed)},
                                          {"removed", some_of(changes.removed)},
                                          {"stale", after.stale.size()}});
}

}  // namespace skillscale
