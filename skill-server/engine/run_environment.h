// The whole environment of a run; nothing of the daemon's own is in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/run_folder.h"
#include "engine/run_work.h"

namespace skillscale {

class RunEnvironment {
 public:
  RunEnvironment() = default;
  RunEnvironment(RunEnvironment&&) = default;
  RunEnvironment& operator=(RunEnvironment&&) = default;
  ~RunEnvironment();  // Wipes it: it may hold credentials.

  // Replaces an earlier value. One that holds a NUL cannot be passed and is left out.
  void set(std::string_view name, std::string_view value);
  const std::vector<std::string>& variables() const noexcept { return variables_; }  // "NAME=value".

 private:
  std::vector<std::string> variables_;
};

// PATH (with the interpreter's folder), LANG, HOME, TMPDIR, SKILL_DIR,
// CLAUDE_SKILL_DIR, SKILLSCALE_*, TRACEPARENT and what the skill declares. An intent or
// input that is too large for the environment is written into the folder, and the
// variable with _FILE at its end says where. Error spawn_failed.
Result<RunEnvironment> make_environment(const RunWork& work, const std::string& program, RunFolder& folder);

// The part of it that all runs of the skill have in common.
void add_skill_variables(RunEnvironment& environment, const Skill& skill, const std::string& program,
                         const RunFolder& folder);

// What a function is given besides: the descriptor of its result, and what its dialect promises.
void add_function_variables(RunEnvironment& environment, const Skill& skill, const RunFolder& folder);

}  // namespace skillscale
