// YAML files that describe a Python function beside or instead of a SKILL.md:
// Skilletfile.yaml (Skillet) and skill.yaml (SkillOS). Pure: no file is read here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "skills/manifest.h"

namespace skillscale {

enum class Descriptor : std::uint8_t { skillet, skillos };

// Reads the text of such a file into the same form as a SKILL.md; there is no body. `file` is the
// path that problems name. Nothing without `entry` (Skillet) or `entrypoint` (SkillOS),
// or without a usable name. Any bytes are fine, as for parse_manifest.
ManifestReading parse_descriptor(std::string_view text, const std::filesystem::path& file, Descriptor kind);

inline constexpr char kSkilletFileName[] = "Skilletfile.yaml";

}  // namespace skillscale
