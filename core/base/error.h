// Why something failed, as a value.
#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace skillscale {

// The codes of a final reply (docs/protocol.md) come first; their names travel
// on the wire: append, never rename. The codes after `internal` stay inside one
// process and never reach an agent.
enum class ErrorCode : std::uint8_t {
  invalid_request,
  unknown_skill,
  unknown_script,
  not_allowed,
  too_large,
  no_skill_server,
  no_capacity,
  overloaded,
  expired,
  worker_lost,
  spawn_failed,
  skill_failed,
  timed_out,
  cancelled,
  output_too_large,
  out_of_memory,
  too_many_processes,
  draining,
  internal,
  invalid_config,  // A setting is wrong: exit status 2.
  io_error,        // A file, socket or system call failed.
  unreachable,     // The proxy does not answer.
  no_answer,       // No final reply came in time.
};

// The name as it stands on the wire, in logs and in metrics.
std::string_view name_of(ErrorCode code) noexcept;

// The code with this wire name; nothing for an unknown name.
std::optional<ErrorCode> error_code_from_name(std::string_view name) noexcept;

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string detail;  // For people. Never parsed, never compared.

  // "cannot <doing>: <text of the errno value>".
  static Error from_errno(ErrorCode code, std::string_view doing, int error = errno);
};

std::ostream& operator<<(std::ostream& out, const Error& error);

}  // namespace skillscale
