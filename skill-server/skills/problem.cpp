#include "skills/problem.h"

#include <algorithm>

#include "base/limits.h"
#include "base/utf8.h"

namespace skillscale {
namespace {

// What a problem shows of a foreign text.
constexpr std::size_t kQuotedBytesMax = 80;

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string printable(std::string_view bytes) {
  std::string text = to_valid_utf8(bytes);
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

}  // namespace

bool has_error(const Problems& problems) noexcept {
  return std::any_of(problems.begin(), problems.end(), [](const Problem& p) { return p.severity == Severity::error; });
}

void report(Problems& problems, Problem problem) {
  if (problems.size() >= limits::kSkillProblemsMax) return;
  if (problems.size() + 1 == limits::kSkillProblemsMax) {
    problem = {std::move(problem.file), 0, Severity::error, "too many problems; the rest is not shown"};
  }
  problem.message = printable(problem.message);
  problems.push_back(std::move(problem));
}

std::string in_quotes(std::string_view text) {
  const std::string_view shown = utf8_prefix(text, kQuotedBytesMax);
  return '"' + printable(shown) + (shown.size() < text.size() ? "...\"" : "\"");
}

std::string to_text(const Problem& problem) {
  std::string text = printable(problem.file.native());
  if (problem.line > 0) text += ':' + std::to_string(problem.line);
  text += problem.severity == Severity::error ? ": error: " : ": warning: ";
  return text + problem.message;
}

std::ostream& operator<<(std::ostream& out, const Problem& problem) { return out << to_text(problem); }

}  // namespace skillscale
