// A skill as it was loaded: what it says of itself, and what to start.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace skillscale {

// What to start, resolved once when the skill is loaded: no PATH search per run.
struct Runnable {
  std::string program;            // Absolute path.
  std::vector<std::string> argv;  // argv[0] included, e.g. {"/bin/sh", "/skills/a/scripts/run.sh"}.
};

// A value; it never changes once it is in a catalogue.
struct Skill {
  std::string name;
  std::string description;
  std::string version;  // metadata.version; empty: the skill has none.
  std::vector<std::string> tags;
  std::string license;
  std::string compatibility;
  std::map<std::string, std::string> metadata;  // All of it, with the keys that have a member here too.
  std::filesystem::path folder;                 // Absolute.
  std::optional<Runnable> run;
  // Why there is a script but no `run`, e.g. a missing interpreter. Empty for
  // a runnable skill, and for one that consists of instructions only.
  std::string not_runnable;
  bool idempotent = false;                           // May be executed again if its server dies.
  std::optional<std::chrono::milliseconds> timeout;  // Of one run, unless the intent says otherwise.
  std::string body;                                  // The text after the frontmatter.

  // Nothing is run: the result is the body.
  bool instructions_only() const noexcept { return !run && not_runnable.empty(); }
};

// Shared, because a run keeps the version of the skill that it began with while
// the catalogue may already hold the next one.
using SkillPtr = std::shared_ptr<const Skill>;

}  // namespace skillscale
