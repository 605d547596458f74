#include "skills/catalogue.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/limits.h"
#include "skills/skill_loader.h"

namespace skillscale {
namespace {

bool by_name(const SkillPtr& a, const SkillPtr& b) { return a->name < b->name; }

// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row[b.size()];
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_' || c == ' ') c = '-';
  }
  return result;
}

// The name that was most probably meant; null when none is near.
SkillPtr nearest(const Catalogue& catalogue, std::string_view name) {
  if (name.empty() || name.size() > limits::kSkillNameBytesLenientMax) return nullptr;
  const std::string wanted = lower(name);
  std::size_t least = std::max<std::size_t>(1, name.size() / 4) + 1;
  SkillPtr best;
  for (const SkillPtr& skill : catalogue.all()) {
    const std::string candidate = lower(skill->name);
    const std::size_t longer = std::max(candidate.size(), wanted.size());
    const std::size_t shorter = std::min(candidate.size(), wanted.size());
    if (longer - shorter >= least) continue;
    const std::size_t steps = distance(candidate, wanted);
    if (steps >= least) continue;
    least = steps;
    best = skill;
  }
  return best;
}

}  // namespace

Result<ScanResult> Catalogue::scan(const std::filesystem::path& folder, const Interpreters& interpreters) {
  auto loaded = load_skills(folder, interpreters, Strictness::lenient);
  if (!loaded) return std::move(loaded).error();
  return ScanResult{of(loaded->skills), std::move(loaded->problems)};
}

Catalogue Catalogue::of(const std::vector<SkillPtr>& skills) {
  Catalogue catalogue;
  catalogue.skills_ = skills;
  std::stable_sort(catalogue.skills_.begin(), catalogue.skills_.end(), by_name);
  const auto same_name = [](const SkillPtr& a, const SkillPtr& b) { return a->name == b->name; };
  catalogue.skills_.erase(std::unique(catalogue.skills_.begin(), catalogue.skills_.end(), same_name),
                          catalogue.skills_.end());
  return catalogue;
}

SkillPtr Catalogue::find(std::string_view name) const {
  const auto place =
      std::lower_bound(skills_.begin(), skills_.end(), name,
                       [](const SkillPtr& skill, std::string_view wanted) { return skill->name < wanted; });
  return place != skills_.end() && (*place)->name == name ? *place : nullptr;
}

std::vector<std::string> Catalogue::names() const {
  std::vector<std::string> names;
  names.reserve(skills_.size());
  for (const SkillPtr& skill : skills_) names.push_back(skill->name);
  return names;
}

std::string available_skills_text(const Catalogue& catalogue) {
  const std::vector<SkillPtr>& skills = catalogue.all();
  if (skills.empty()) return "this server has no skills";
  std::string text = "this server has: ";
  const std::size_t listed = std::min(skills.size(), limits::kSkillNamesListedMax);
  for (std::size_t i = 0; i < listed; ++i) text += (i == 0 ? "" : ", ") + skills[i]->name;
  if (listed < skills.size()) text += " and " + std::to_string(skills.size() - listed) + " more";
  return text;
}

std::string unknown_skill_text(const Catalogue& catalogue, std::string_view name) {
  std::string text = "unknown skill " + in_quotes(name) + "; " + available_skills_text(catalogue);
  if (const SkillPtr meant = nearest(catalogue, name)) text += "; did you mean " + in_quotes(meant->name) + '?';
  return text;
}

}  // namespace skillscale
