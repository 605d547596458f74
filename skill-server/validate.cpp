#include "skill-server/validate.h"

#include <utility>

#include "skill-server/skill_loader.h"

namespace skillscale {

Result<Validation> validate_skills(const std::filesystem::path& folder, const Interpreters& interpreters) {
  auto loaded = load_skills(folder, interpreters, Strictness::strict);
  if (!loaded) return std::move(loaded).error();

  Validation validation{loaded->looked_at, std::move(loaded->problems)};
  if (validation.skills == 0) {
    report(validation.problems, {folder, 0, Severity::error, "no SKILL.md here or in the folders below"});
  }
  return validation;
}

}  // namespace skillscale
