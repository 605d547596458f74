// What is wrong with a skill, and where, for the person who wrote it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace skillscale {

// An error keeps the skill from being loaded, run or, in strict validation, accepted.
enum class Severity : std::uint8_t { warning, error };

struct Problem {
  std::filesystem::path file;
  std::size_t line = 0;  // From 1; 0: the file as a whole.
  Severity severity = Severity::error;
  std::string message;  // One line of valid UTF-8 without control characters.
};

using Problems = std::vector<Problem>;

// True when one of them is an error.
bool has_error(const Problems& problems) noexcept;

// Appends `problem`, its message made printable. Past kSkillProblemsMax nothing is
// appended any more; the last one then says so.
void report(Problems& problems, Problem problem);

// A foreign text as it stands in a message: quoted, printable, cut when long.
std::string in_quotes(std::string_view text);

// "skills/a/SKILL.md:3: warning: ...", as compilers write it.
std::string to_text(const Problem& problem);
std::ostream& operator<<(std::ostream& out, const Problem& problem);

}  // namespace skillscale
