// The skills of one server.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "skills/interpreter.h"
#include "skills/problem.h"
#include "skills/skill.h"

namespace skillscale {

struct ScanResult;

// Immutable once made; thread-safe.
class Catalogue {
 public:
  // Finds every SKILL.md below `folder` and loads what is usable; what is not, is
  // in the problems. Folders are visited in the order of their names, without hidden
  // ones and node_modules, and nothing is looked for inside a skill. A symbolic link
  // is followed only to a place inside `folder`, and no place is visited twice.
  // Of two skills with one name the first in that order wins; the other is a problem.
  // Error invalid_config when `folder` cannot be read at all.
  static Result<ScanResult> scan(const std::filesystem::path& folder, const Interpreters& interpreters);

  // For tests and tools; of two skills with one name the first one is kept.
  static Catalogue of(const std::vector<SkillPtr>& skills);

  SkillPtr find(std::string_view name) const;                            // Null: unknown.
  std::vector<std::string> names() const;                                // Sorted.
  const std::vector<SkillPtr>& all() const noexcept { return skills_; }  // Sorted by name.

 private:
  std::vector<SkillPtr> skills_;
};

struct ScanResult {
  Catalogue catalogue;
  Problems problems;
};

// `unknown skill "x"; this server has: a, b, c; did you mean "a"?`
std::string unknown_skill_text(const Catalogue& catalogue, std::string_view name);

// `this server has: a, b, c and 12 more`, or that there are none.
std::string available_skills_text(const Catalogue& catalogue);

}  // namespace skillscale
