// SKILL.md: YAML frontmatter between two lines `---`, then the instructions
// (https://agentskills.io/specification). Pure: no file is read here.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skills/problem.h"
#include "skills/skill.h"

namespace skillscale {

struct Manifest {
  std::string name;
  std::string description;
  std::string license;
  std::string compatibility;
  std::string allowed_tools;                    // Advice to the agent; it grants nothing here.
  std::map<std::string, std::string> metadata;  // As written, scalars as their text.
  // Read from `metadata`, or from where the other dialects have them:
  std::string version;
  std::vector<std::string> tags;
  bool idempotent = false;
  std::optional<std::chrono::milliseconds> timeout;
  std::string entrypoint;  // As written: "scripts/main.py", "scripts/main.py:run" or "module:function".
  std::string runtime;     // Of the entrypoint, when it is another one than Python.
  std::vector<Field> inputs;
  std::vector<Field> outputs;
  std::vector<DeclaredVariable> env;
  SkillLimits limits;
  std::string sandbox;
  bool wants_network = false;
  std::optional<Runner> runner;
  std::string deprecated;
  std::string replaced_by;
  std::string body;
};

enum class Strictness : std::uint8_t {
  lenient,  // Loading: what can be used is used; the rest is reported.
  strict,   // Validation: what the specification does not allow is an error.
};

struct ManifestReading {
  std::optional<Manifest> manifest;  // Nothing: a problem of severity error says why.
  Problems problems;
};

// Reads the text of a SKILL.md. `file` is the path that problems name; the name
// of the folder that holds it is what the skill's name is compared with. Any
// bytes are fine: never throws, and time and memory are bounded by the length.
ManifestReading parse_manifest(std::string_view text, const std::filesystem::path& file, Strictness strictness);

}  // namespace skillscale
