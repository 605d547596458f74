// Grades of check for broken invariants. Input is never checked with these:
// bad input is an Error (error.h), not a bug.
#pragma once

namespace skillscale {

// Writes the failed condition and where it stands to stderr, then aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace skillscale

// Aborts when `condition` is false, in every build type.
#define SK_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::skillscale::check_failed(#condition, __FILE__, __LINE__))
