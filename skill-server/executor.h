// One run of a skill, from its intent to its reply.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "base/limits.h"
#include "protocol/reply.h"
#include "skill-server/run_folder.h"
#include "skill-server/runs.h"

namespace skillscale {

struct ExecutorSettings {
  std::string run_folders = "/tmp";  // Where the folder of each run is made.
  std::chrono::milliseconds kill_grace = limits::kKillGrace;
  std::size_t output_bytes_max = limits::kOutputBytesMax;  // stdout and stderr each.
};

// Immutable; thread-safe. execute() blocks the calling thread for the whole run,
// so that thread must outlive the child.
class Executor {
 public:
  explicit Executor(ExecutorSettings settings) : settings_(std::move(settings)) {}

  // `cancel_fd` readable: stop it. The reply has everything but what belongs to
  // its lease (attempt, held) and to the server (server, queued). With `used` the
  // run's folder is left there, so that removing it need not delay the reply.
  Reply execute(const RunWork& work, std::chrono::milliseconds timeout, int cancel_fd,
                std::optional<RunFolder>* used = nullptr) const;

 private:
  const ExecutorSettings settings_;
};

}  // namespace skillscale
