// Our own Python files, where an interpreter finds them.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/run_folder.h"
#include "engine/run_work.h"
#include "os/fd.h"

namespace skillscale {

// A folder that holds the files of skill-server/engine/python, private to this user and
// written once. It is locked (flock) as long as it is used, which keeps
// systemd-tmpfiles from it. Removed by the destructor.
class PythonRuntime {
 public:
  static Result<PythonRuntime> create(const std::string& parent);  // Error spawn_failed.

  const std::string& folder() const noexcept { return folder_.path(); }
  std::string shim() const { return folder() + "/skillscale_shim.py"; }
  static constexpr const char* kWorkerFile = "skillscale_worker.py";  // In the same folder.

 private:
  explicit PythonRuntime(RunFolder folder) : folder_(std::move(folder)) {}
  RunFolder folder_;
};

// What the shim is told: which function, with what. JSON.
std::string function_call_json(const RunWork& work);

// The input of a function: `input`, else an `intent` that is an object. Nothing: none is given.
std::optional<std::string> function_input(const Intent& intent);

}  // namespace skillscale
