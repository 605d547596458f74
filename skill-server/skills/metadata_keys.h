// The keys under `metadata` that mean something to SkillScale (docs/writing-skills.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skills/manifest.h"

namespace skillscale {

struct MetadataKey {
  std::string_view name;
  bool (*accepts)(std::string_view value);
  std::string_view allowed;  // For people, what `accepts` takes.
  void (*apply)(std::string_view value, Manifest& manifest);
};

// Null: not one of ours.
const MetadataKey* find_metadata_key(std::string_view name);

// The items of "a, b" or "a b".
std::vector<std::string> split_list(std::string_view text);

// A name that a run may get a value for; not one that SkillScale or the loader of programs uses.
bool is_variable_name(std::string_view name);

// Adds it to `manifest.env` unless the name is there already; then it is required if either is.
void declare_variable(Manifest& manifest, DeclaredVariable variable);

}  // namespace skillscale
