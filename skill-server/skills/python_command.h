// Whether a zygote can run a program as `python3` itself would.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/child_process.h"

namespace skillscale {

// `python3 [flags] SCRIPT|-m MODULE|-c CODE [arguments]`, taken apart.
struct PythonCommand {
  enum class Kind : std::uint8_t { script, module, code };
  Kind kind = Kind::script;
  std::string target;  // The path as it was given, the module, or the code.
  std::string flags;   // Letters of the flags without values.
  std::vector<std::string> arguments;
};

// Error not_allowed says why a fresh interpreter is needed: a flag or a variable
// that works only when the interpreter starts, or something that execve refuses.
Result<PythonCommand> to_python_command(const ChildSpec& spec);

// The one environment variable that a zygote must have in common with its runs.
inline constexpr const char* kZygoteLocale = "LANG=C.UTF-8";

}  // namespace skillscale
