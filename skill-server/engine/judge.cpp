#include "engine/judge.h"

#include <array>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/json_fields.h"

namespace skillscale {
namespace {

double to_milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
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

std::string_view without_trailing_blanks(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

// Why a script failed, in its own words if it had any.
std::string failure_text(const RunOutcome& outcome) {
  const std::string how = outcome.exit.signal
                              ? "the skill was ended by " + signal_text(*outcome.exit.signal)
                              : "the skill exited with status " + std::to_string(outcome.exit.code.value_or(-1));
  const std::string_view words = without_trailing_blanks(outcome.stderr_tail);
  return words.empty() ? how : how + ": " + std::string(words);
}

// What the last words of Python, C++, the C library and node are when memory is
// refused. They are believed only of a run that failed under a limit.
bool says_out_of_memory(std::string_view stderr_tail) {
  static constexpr std::array<std::string_view, 5> kAnywhere = {"std::bad_alloc", "Cannot allocate memory",
                                                                "JavaScript heap out of memory",
                                                                "Fatal process out of memory", "memory exhausted"};
  for (const std::string_view words : kAnywhere) {
    if (stderr_tail.find(words) != std::string_view::npos) return true;
  }
  const std::string_view words = without_trailing_blanks(stderr_tail);
  const std::string_view last_line = words.substr(words.rfind('\n') + 1);
  return last_line.starts_with("MemoryError") || last_line.ends_with("Out of memory");
}

bool went_past_file_size(const RunOutcome& outcome) {
  return outcome.exit.signal == SIGXFSZ || without_trailing_blanks(outcome.stderr_tail).ends_with("File too large");
}

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes / limits::kMiB) + " MiB"; }

void judge_exit(Reply& reply, const RunOutcome& outcome, const RunMaxima& maxima) {
  reply.success = outcome.exit.success();
  if (reply.success) return;
  if (maxima.memory_bytes != 0 && says_out_of_memory(outcome.stderr_tail)) {
    return fail(
        reply, ErrorCode::out_of_memory,
        "the skill needs more than the " + megabytes(maxima.memory_bytes) + " it may have; " + failure_text(outcome));
  }
  if (maxima.folder_bytes != 0 && went_past_file_size(outcome)) {
    return fail(reply, ErrorCode::output_too_large,
                "the skill has written a file larger than the " + megabytes(maxima.folder_bytes) +
                    " that its folder may hold; " + failure_text(outcome));
  }
  fail(reply, ErrorCode::skill_failed, failure_text(outcome));
}

void judge_time(Reply& reply, const RunOutcome& outcome, const RunBounds& bounds) {
  fail(reply, ErrorCode::timed_out,
       outcome.cpu_limit
           ? "the skill has used up its " + std::to_string(bounds.maxima.cpu.count()) + " s of processor time"
           : "the skill was stopped after " + std::to_string(bounds.timeout.count()) + " ms");
}

void judge_flood(Reply& reply, const RunOutcome& outcome, const RunBounds& bounds) {
  fail(reply, ErrorCode::output_too_large,
       outcome.result.truncated
           ? "the function returned more than " + std::to_string(limits::kResultBytesMax) + " bytes of JSON"
           : "the skill was stopped after it had written more than " + std::to_string(bounds.flood_bytes_max) +
                 " bytes");
}

void judge_end(Reply& reply, const RunOutcome& outcome, const RunBounds& bounds) {
  const RunMaxima& maxima = bounds.maxima;
  switch (outcome.end) {
    case RunOutcome::End::timed_out:
      return judge_time(reply, outcome, bounds);
    case RunOutcome::End::cancelled:
      return fail(reply, ErrorCode::cancelled, "the run was cancelled");
    case RunOutcome::End::flooded:
      return judge_flood(reply, outcome, bounds);
    case RunOutcome::End::out_of_memory:
      return fail(reply, ErrorCode::out_of_memory,
                  "the skill was stopped: it has used more than the " + megabytes(maxima.memory_bytes) +
                      " of memory that it may have");
    case RunOutcome::End::too_many_processes:
      return fail(reply, ErrorCode::too_many_processes,
                  "the skill was stopped: it had more than " + std::to_string(maxima.processes) + " processes");
    case RunOutcome::End::folder_too_large:
      return fail(reply, ErrorCode::output_too_large,
                  "the skill was stopped: its folder held more than " + megabytes(maxima.folder_bytes) + " or " +
                      std::to_string(maxima.files) + " files");
    case RunOutcome::End::exited:
      return judge_exit(reply, outcome, maxima);
  }
}

}  // namespace

void fail(Reply& reply, ErrorCode code, std::string error) {
  reply.success = false;
  reply.code = name_of(code);
  reply.error = std::move(error);
}

Reply judge_run(RunOutcome outcome, const RunBounds& bounds) {
  Reply reply;
  reply.exit = Reply::Exit{
      .code = outcome.exit.code, .signal = outcome.exit.signal, .timed_out = outcome.end == RunOutcome::End::timed_out};
  reply.truncated = {.out = outcome.out.truncated, .err = outcome.err.truncated};
  reply.timing_ms.spawn = to_milliseconds(outcome.spawn_time);
  reply.timing_ms.run = to_milliseconds(outcome.run_time);
  const std::uint64_t bytes_out = outcome.out_bytes_total + outcome.err_bytes_total;
  reply.usage = Reply::Usage{.cpu_ms = to_milliseconds(outcome.usage.cpu),
                             .max_rss_kb = outcome.usage.max_rss_bytes / limits::kKiB,
                             .bytes_in = 0,
                             .bytes_out = bytes_out};
  judge_end(reply, outcome, bounds);
  reply.content = take_content(outcome.out);
  reply.stderr_tail = std::string(utf8_suffix(outcome.stderr_tail, limits::kStderrTailBytes));
  return reply;
}

Result<std::vector<std::string>> take_result(std::string_view json, Reply& reply) {
  if (json.empty()) return std::vector<std::string>();  // It left by sys.exit(0), say.
  static constexpr auto kFields = std::to_array<std::string_view>({"outputs", "artifacts", "content"});
  auto fields = JsonFields::read(json, kFields);
  if (!fields) return Error{ErrorCode::skill_failed, "the result cannot be read: " + fields.error().detail};
  if (const JsonValue* outputs = fields->find("outputs")) {
    if (outputs->kind != JsonValue::Kind::object) fields->refuse("outputs", describe(*outputs), "an object");
    reply.outputs_json = outputs->raw;
  }
  std::vector<std::string> artifacts = fields->texts("artifacts");
  std::string content = fields->text("content");
  if (fields->error()) return Error{ErrorCode::skill_failed, "the result cannot be used: " + fields->error()->detail};
  // What the skill prints is its content; one that prints nothing has its result there.
  if (reply.content.empty()) reply.content = content.empty() ? reply.outputs_json : std::move(content);
  return artifacts;
}

}  // namespace skillscale
