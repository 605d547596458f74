// Patterns of paths, as `collect` of an intent has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace skillscale {

// One pattern: `*` and `?` within a name, `[a-z]` and `[!a-z]`, and `**` for any
// number of folders. As in a shell, a wildcard does not match the dot at the
// beginning of a name. Takes time linear in pattern times path, whatever it is.
class Glob {
 public:
  // Error invalid_request: empty, absolute, or with `..`, or too long.
  static Result<Glob> parse(std::string_view text);
  // Matches this one path only, with all its characters meaning themselves.
  static Glob literal(std::string_view path);

  bool matches(std::string_view path) const;
  const std::string& text() const noexcept { return text_; }

 private:
  Glob() = default;
  std::string text_;
  std::vector<std::string> names_;
  bool literal_ = false;
};

// The parts of a path, without empty ones and ".".
std::vector<std::string> split_path(std::string_view path);

}  // namespace skillscale
