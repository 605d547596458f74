// A skill as it was loaded: what it says of itself, and what to start.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skillscale {

// What to start, resolved once when the skill is loaded: no PATH search per run.
struct Runnable {
  std::string program;            // Absolute path.
  std::vector<std::string> argv;  // argv[0] included, e.g. {"/bin/sh", "/skills/a/scripts/run.sh"}.
};

// How a skill is run, resolved when it is loaded (docs/writing-skills.md).
enum class Adapter : std::uint8_t {
  intent,        // scripts/run.sh, else scripts/run.py: data on stdin, stdout is the content.
  function,      // A Python function, called with `input` through our shim.
  argv,          // Scripts, but no entry: the intent says which one, with its arguments.
  instructions,  // No script: the body is the answer.
};
std::string_view name_of(Adapter adapter) noexcept;

// Where a function-style skill begins.
struct FunctionEntry {
  enum class Dialect : std::uint8_t { open_skills, skillet, skillos };
  Dialect dialect = Dialect::open_skills;
  std::string file;      // Absolute path of the Python file; empty: `module` is imported.
  std::string module;    // Dotted, found from the skill's folder.
  std::string function;  // Empty: the one with the @skill decorator.
  std::string python;    // Absolute path of the interpreter.
};

// One file that `script` of an intent may name.
struct Script {
  std::string path;             // Relative to the skill's folder, as "scripts/unpack.py".
  std::optional<Runnable> run;  // Without it `not_runnable` says why.
  std::string not_runnable;
};

// A value that a function-style skill takes or gives.
struct Field {
  std::string name;
  std::string type;  // string, integer, number, boolean, array, object; empty: any.
  std::string description;
  bool required = false;
  std::optional<std::string> default_json;
};

// What a skill declares for its runs, under `metadata`; the operator's maximum is above it.
struct SkillLimits {
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::chrono::seconds> cpu;
  std::optional<std::uint64_t> output_bytes;  // stdout and stderr each.
  std::optional<std::uint64_t> folder_bytes;  // All files of the run folder together.
  std::optional<std::uint64_t> processes;
  std::optional<std::size_t> concurrency;  // Runs at once on one server.
};

enum class Runner : std::uint8_t { cold, zygote, worker };
std::string_view name_of(Runner runner) noexcept;

// A credential or setting that the intent may give in `env`.
struct DeclaredVariable {
  std::string name;
  bool required = false;
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
  std::filesystem::path folder;                 // Absolute; where its files are for a run.
  std::filesystem::path source;                 // Absolute; where it was found, while `folder` may be a copy.
  std::shared_ptr<const int> copy;              // Keeps `folder`, if it is a copy.
  std::string digest;                           // "sha256:<hex>" over names and contents of the skill's files.
  Adapter adapter = Adapter::instructions;
  std::string adapter_reason;   // For people: which file or key decided.
  std::optional<Runnable> run;  // Of the adapter `intent`.
  std::optional<FunctionEntry> function;
  std::vector<Script> scripts;  // Sorted by path.
  std::vector<Field> inputs;
  std::vector<Field> outputs;
  std::vector<DeclaredVariable> env;
  SkillLimits limits;
  std::string sandbox;  // "", "none", "standard", "strict": what the skill asks for.
  bool wants_network = false;
  std::optional<Runner> runner;  // What the skill asks for.
  std::string deprecated;        // Empty, or why; may name the replacement.
  std::string replaced_by;       // Empty, or the name of another skill.
  // Why there is a script but no `run`, e.g. a missing interpreter. Empty for
  // a runnable skill, and for one that consists of instructions only.
  std::string not_runnable;
  bool idempotent = false;                           // May be executed again if its server dies.
  std::optional<std::chrono::milliseconds> timeout;  // Of one run, unless the intent says otherwise.
  std::string body;                                  // The text after the frontmatter.

  // Nothing is run: the result is the body.
  bool instructions_only() const noexcept { return !run && !function && not_runnable.empty(); }
};

// Shared, because a run keeps the version of the skill that it began with while
// the catalogue may already hold the next one.
using SkillPtr = std::shared_ptr<const Skill>;

// `skill "a" is deprecated: too slow; use "b" instead`; empty for a skill that is not.
std::string deprecation_text(const Skill& skill);

}  // namespace skillscale
