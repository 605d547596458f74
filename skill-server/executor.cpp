#include "skill-server/executor.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "os/supervised_run.h"
#include "skill-server/run_folder.h"

namespace skillscale {
namespace {

constexpr const char* kIntentFile = ".intent";

double to_milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// The whole environment of a run. A value with a zero byte in it cannot be passed
// and is left out.
class Environment {
 public:
  void add(std::string_view name, std::string_view value) {
    if (value.find('\0') != std::string_view::npos) return;
    variables_.push_back(std::string(name) + "=" + std::string(value));
  }
  std::vector<std::string> take() { return std::move(variables_); }

 private:
  std::vector<std::string> variables_;
};

bool fits_environment(const std::string& body) {
  return body.size() <= limits::kIntentEnvBytesMax && body.find('\0') == std::string::npos;
}

Result<ChildSpec> prepare(const RunWork& work, RunFolder& folder) {
  Environment environment;
  environment.add("PATH", "/usr/local/bin:/usr/bin:/bin");
  environment.add("LANG", "C.UTF-8");
  environment.add("HOME", folder.home());
  environment.add("TMPDIR", folder.temporary());
  environment.add("SKILL_DIR", work.skill->folder.native());
  environment.add("CLAUDE_SKILL_DIR", work.skill->folder.native());
  environment.add("SKILLSCALE_REQUEST_ID", work.intent.address.request_id);
  environment.add("SKILLSCALE_SKILL", work.skill->name);
  environment.add("SKILLSCALE_TOPIC", work.topic);
  if (!work.intent.traceparent.empty()) environment.add("TRACEPARENT", work.intent.traceparent);
  if (fits_environment(work.intent.body)) {
    environment.add("SKILLSCALE_INTENT", work.intent.body);
  } else {
    if (auto written = folder.write_file(kIntentFile, work.intent.body); !written) return std::move(written).error();
    environment.add("SKILLSCALE_INTENT_FILE", folder.path() + "/" + kIntentFile);
  }
  return ChildSpec{.program = work.skill->run->program,
                   .argv = work.skill->run->argv,
                   .environment = environment.take(),
                   .working_folder = folder.path()};
}

std::string take_content(CapturedOutput& out) {
  std::string content = std::move(out.bytes);
  if (out.truncated)
    content += "\n[stdout is truncated: only its first " + std::to_string(content.size()) + " bytes are here]\n";
  return content;
}

std::string signal_text(int signal) {
  const char* name = sigabbrev_np(signal);
  return "signal " + std::to_string(signal) + (name == nullptr ? "" : " (SIG" + std::string(name) + ")");
}

// Why a script failed, in its own words if it had any.
std::string failure_text(const RunOutcome& outcome) {
  const std::string how = outcome.exit.signal
                              ? "the skill was ended by " + signal_text(*outcome.exit.signal)
                              : "the skill exited with status " + std::to_string(outcome.exit.code.value_or(-1));
  std::string_view words = outcome.stderr_tail;
  const std::size_t last = words.find_last_not_of(" \t\r\n");
  words = last == std::string_view::npos ? std::string_view() : words.substr(0, last + 1);
  return words.empty() ? how : how + ": " + std::string(words);
}

void fail(Reply& reply, ErrorCode code, std::string error) {
  reply.success = false;
  reply.code = name_of(code);
  reply.error = std::move(error);
}

void judge(Reply& reply, const RunOutcome& outcome, std::chrono::milliseconds timeout, std::size_t flood_bytes_max) {
  switch (outcome.end) {
    case RunOutcome::End::timed_out:
      return fail(reply, ErrorCode::timed_out,
                  "the skill was stopped after " + std::to_string(timeout.count()) + " ms");
    case RunOutcome::End::cancelled:
      return fail(reply, ErrorCode::cancelled, "the run was cancelled");
    case RunOutcome::End::flooded:
      return fail(reply, ErrorCode::output_too_large,
                  "the skill was stopped after it had written more than " + std::to_string(flood_bytes_max) + " bytes");
    case RunOutcome::End::exited:
      break;
  }
  reply.success = outcome.exit.success();
  if (!reply.success) fail(reply, ErrorCode::skill_failed, failure_text(outcome));
}

Reply to_reply(RunOutcome outcome, std::chrono::milliseconds timeout, std::size_t flood_bytes_max) {
  Reply reply;
  reply.exit = Reply::Exit{
      .code = outcome.exit.code, .signal = outcome.exit.signal, .timed_out = outcome.end == RunOutcome::End::timed_out};
  reply.truncated = {.out = outcome.out.truncated, .err = outcome.err.truncated};
  reply.timing_ms.spawn = to_milliseconds(outcome.spawn_time);
  reply.timing_ms.run = to_milliseconds(outcome.run_time);
  judge(reply, outcome, timeout, flood_bytes_max);
  reply.content = take_content(outcome.out);
  reply.stderr_tail = std::string(utf8_suffix(outcome.stderr_tail, limits::kStderrTailBytes));
  return reply;
}

}  // namespace

Reply Executor::execute(const RunWork& work, std::chrono::milliseconds timeout, int cancel_fd,
                        const RunContext& context) const {
  Reply reply;
  const std::size_t flood_bytes_max = limits::kOutputFloodFactor * settings_.output_bytes_max;
  const RunLimits run_limits{.timeout = timeout,
                             .kill_grace = settings_.kill_grace,
                             .drain_grace = limits::kPipeDrainGrace,
                             .stdout_bytes_max = settings_.output_bytes_max,
                             .stderr_bytes_max = settings_.output_bytes_max,
                             .flood_bytes_max = flood_bytes_max};
  const auto run = [&]() -> Result<RunOutcome> {
    auto folder = RunFolder::create(settings_.run_folders);
    if (!folder) return std::move(folder).error();
    const auto spec = prepare(work, *folder);
    if (!spec) return spec.error();
    auto outcome = run_supervised(*spec, work.intent.stdin_data, run_limits, cancel_fd);
    if (context.used != nullptr) context.used->emplace(std::move(*folder));
    return outcome;
  };
  if (work.skill->run) {
    auto outcome = run();
    if (outcome) {
      reply = to_reply(std::move(*outcome), timeout, flood_bytes_max);
    } else {
      fail(reply, outcome.error().code, outcome.error().detail);
    }
  } else if (work.skill->instructions_only()) {
    reply.success = true;
    reply.content = work.skill->body;
  } else {
    fail(reply, ErrorCode::spawn_failed, work.skill->not_runnable);
  }
  reply.request_id = work.intent.address.request_id;
  reply.skill = work.skill->name;
  reply.version = work.skill->version;
  return reply;
}

}  // namespace skillscale
