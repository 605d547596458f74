#include "local_runs.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/limits.h"
#include "console.h"

namespace skillscale::cli {

Result<ScanResult> scan_here(const std::string& folder) {
  auto interpreters = Interpreters::create({}, environment("PATH").value_or("/usr/bin:/bin"));
  if (!interpreters) return std::move(interpreters).error();
  return Catalogue::scan(folder, *interpreters);
}

ExecutorSettings local_executor_settings() {
  ExecutorSettings settings;
  settings.run_folders = environment("TMPDIR").value_or("/tmp");
  return settings;
}

Reply run_here(const Executor& executor, SkillPtr skill, Intent intent, int cancel_fd) {
  const auto asked = intent.timeout ? *intent.timeout : skill->timeout.value_or(limits::kRunTimeoutDefault);
  const RunWork work{.intent = std::move(intent), .topic = "LOCAL", .skill = std::move(skill)};
  Reply reply = executor.execute(work, std::min(asked, limits::kRunTimeoutMax), cancel_fd);
  reply.server = "local";
  reply.timestamp = to_epoch_seconds(SystemClock().wall_now());
  return reply;
}

}  // namespace skillscale::cli
