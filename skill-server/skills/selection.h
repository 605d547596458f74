// Which skill an intent means. Never a skill that was not meant.
#pragma once

#include "base/result.h"
#include "protocol/intent.h"
#include "skills/catalogue.h"
#include "skills/matcher.h"

namespace skillscale {

// The named skill, else the one that the text clearly asks for. Error unknown_skill (no
// such name or version, or nothing matches) lists what there is.
Result<SkillPtr> select_skill(const Catalogue& catalogue, const Matcher& matcher, const Intent& intent);

}  // namespace skillscale
