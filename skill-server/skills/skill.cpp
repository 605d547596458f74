#include "skills/skill.h"

namespace skillscale {

std::string deprecation_text(const Skill& skill) {
  if (skill.deprecated.empty() && skill.replaced_by.empty()) return {};
  std::string text = "skill \"" + skill.name + "\" is deprecated";
  if (!skill.deprecated.empty() && skill.deprecated != "deprecated") text += ": " + skill.deprecated;
  if (!skill.replaced_by.empty()) text += "; use \"" + skill.replaced_by + "\" instead";
  return text;
}

}  // namespace skillscale
