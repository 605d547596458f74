#include "base/error.h"

#include <array>
#include <system_error>

#include "base/check.h"

namespace skillscale {
namespace {

constexpr std::array<std::string_view, 23> kNames = {
    "invalid_request", "unknown_skill",  "unknown_script",   "not_allowed",   "too_large",          "no_skill_server",
    "no_capacity",     "overloaded",     "expired",          "worker_lost",   "spawn_failed",       "skill_failed",
    "timed_out",       "cancelled",      "output_too_large", "out_of_memory", "too_many_processes", "draining",
    "internal",        "invalid_config", "io_error",         "unreachable",   "no_answer",
};
static_assert(kNames.size() == static_cast<std::size_t>(ErrorCode::no_answer) + 1);

}  // namespace

std::string_view name_of(ErrorCode code) noexcept {
  const auto index = static_cast<std::size_t>(code);
  SK_CHECK(index < kNames.size());
  return kNames[index];
}

std::optional<ErrorCode> error_code_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

Error Error::from_errno(ErrorCode code, std::string_view doing, int error) {
  return {code, "cannot " + std::string(doing) + ": " + std::generic_category().message(error)};
}

std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << name_of(error.code) << ": " << error.detail;
}

}  // namespace skillscale
