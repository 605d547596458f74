#include "skills/skill.h"

namespace skillscale {

std::string_view name_of(Adapter adapter) noexcept {
  switch (adapter) {
    case Adapter::intent:
      return "intent";
    case Adapter::function:
      return "function";
    case Adapter::argv:
      return "argv";
    case Adapter::instructions:
      break;
  }
  return "instructions";
}

std::string_view name_of(Runner runner) noexcept {
  switch (runner) {
    case Runner::cold:
      return "cold";
    case Runner::zygote:
      return "zygote";
    case Runner::worker:
      break;
  }
  return "worker";
}

std::string deprecation_text(const Skill& skill) {
  if (skill.deprecated.empty() && skill.replaced_by.empty()) return {};
  std::string text = "skill \"" + skill.name + "\" is deprecated";
  if (!skill.deprecated.empty() && skill.deprecated != "deprecated") text += ": " + skill.deprecated;
  if (!skill.replaced_by.empty()) text += "; use \"" + skill.replaced_by + "\" instead";
  return text;
}

}  // namespace skillscale
