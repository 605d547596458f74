#include "skill-server/selection.h"

namespace skillscale {
namespace {

// The name of a field that is set and that nothing here acts on; nullptr: none.
const char* unsupported_field(const Intent& intent) {
  if (!intent.script.empty()) return "script";
  if (!intent.args.empty()) return "args";
  if (intent.input_json) return "input";
  if (!intent.files.empty()) return "files";
  if (!intent.collect.empty()) return "collect";
  if (!intent.env.empty()) return "env";
  if (intent.stream) return "stream";
  return nullptr;
}

}  // namespace

Result<SkillPtr> select_skill(const Catalogue& catalogue, const Matcher& matcher, const Intent& intent) {
  if (const char* field = unsupported_field(intent)) {
    return Error{ErrorCode::not_allowed, "this skill server does not support the field \"" + std::string(field) + "\""};
  }
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
