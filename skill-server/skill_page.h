// Skills as JSON: for /v1/skills, and for agents that ask for the catalogue.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "skill-server/catalogue_snapshot.h"
#include "skill-server/circuit_breaker.h"

namespace skillscale {

using BreakerStates = std::map<std::string, BreakerState>;  // Without those that are closed.

// What a list says of a skill.
nlohmann::json summary_of(const Skill& skill, const CatalogueSnapshot& snapshot, const BreakerStates& breakers);
// Everything that an agent needs to use it: the summary, the body, inputs, outputs, scripts, names in `env`, limits.
nlohmann::json details_of(const Skill& skill, const CatalogueSnapshot& snapshot, const BreakerStates& breakers);
// {"skills": summaries, "digest"}.
nlohmann::json list_of(const CatalogueSnapshot& snapshot, const BreakerStates& breakers);
// The same with what an operator wants to know: what can be run, and the problems.
nlohmann::json operators_list_of(const CatalogueSnapshot& snapshot, const BreakerStates& breakers);

// JSON text; malformed UTF-8 becomes U+FFFD.
std::string text_of(const nlohmann::json& json);

}  // namespace skillscale
