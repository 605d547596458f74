// What a server answers when an agent asks about its skills.
#pragma once

#include <string>

#include "base/result.h"
#include "protocol/catalog.h"
#include "skill-server/skill_page.h"

namespace skillscale {

// The `outputs` of the reply, as JSON text: of list {"skills", "digest"}; of show the skill; of read {"skill", "path",
// "size", and "text" or "content_base64"}. Reads at most one file. Errors: unknown_skill, and those of
// read_skill_file().
Result<std::string> answer_question(const CatalogRequest& request, const CatalogueSnapshot& snapshot,
                                    const BreakerStates& breakers);

}  // namespace skillscale
