#include "skills/selection.h"

namespace skillscale {

Result<SkillPtr> select_skill(const Catalogue& catalogue, const Matcher& matcher, const Intent& intent) {
  if (intent.skill.empty()) {
    const MatchResult result = matcher.match(intent.task);
    if (result.best) return result.best->skill;
    return Error{ErrorCode::unknown_skill, no_match_text(catalogue, result)};
  }
  SkillPtr skill = catalogue.find(intent.skill);
  if (!skill) return Error{ErrorCode::unknown_skill, unknown_skill_text(catalogue, intent.skill)};
  if (!intent.skill_version.empty() && intent.skill_version != skill->version) {
    return Error{ErrorCode::unknown_skill, "skill \"" + skill->name + "\" is here in version \"" + skill->version +
                                               "\", not \"" + intent.skill_version + "\""};
  }
  return skill;
}

}  // namespace skillscale
