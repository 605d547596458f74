// What one intent makes of its skill, decided and checked before anything is started.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "engine/run_work.h"
#include "skills/glob.h"
#include "skills/skill.h"

namespace skillscale {

struct RunPlan {
  enum class Kind : std::uint8_t { answer, program, function };
  Kind kind = Kind::answer;  // `answer`: nothing runs, the skill's body is the content.
  Runnable run;              // Of `program`: with the arguments of the intent.
  bool is_module = false;    // A Python module: found from the skill's folder.
  std::vector<Glob> collect;
};

// Errors, each naming what is wrong: unknown_script lists the scripts of the skill;
// invalid_request (arguments without a script, a field of the input, a pattern, a credential
// that is missing); not_allowed (a variable that the skill does not declare);
// spawn_failed (the skill or script cannot be run here).
Result<RunPlan> plan_run(const RunWork& work);

// What one run may use. 0: no limit.
struct RunMaxima {
  std::uint64_t memory_bytes = std::uint64_t{limits::kRunMemoryMibMax} * limits::kMiB;
  std::chrono::seconds cpu{0};
  std::uint64_t folder_bytes = std::uint64_t{limits::kRunFolderMibMax} * limits::kMiB;
  std::uint64_t files = limits::kRunFilesMax;  // In its folder.
  std::uint64_t processes = limits::kRunProcessesMax;
  std::size_t output_bytes = limits::kOutputBytesMax;  // stdout and stderr each; never 0.
};

// What the skill asks for, with the operator's maximum above it.
RunMaxima maxima_for(const SkillLimits& skill, const RunMaxima& operators);

// What the run was allowed, to say which bound it went past.
struct RunBounds {
  std::chrono::milliseconds timeout{};
  std::size_t flood_bytes_max = 0;
  RunMaxima maxima{};
};

// Error too_large: the intent's files alone are more than the run may have.
Result<void> check_files(const std::vector<InputFile>& files, const RunMaxima& maxima);

}  // namespace skillscale
