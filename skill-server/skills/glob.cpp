#include "skills/glob.h"

#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "skills/problem.h"

namespace skillscale {
namespace {

// The length of the character at the front of `text`; a stray byte counts as one.
std::size_t character_bytes(std::string_view text) {
  std::size_t bytes = 1;
  while (bytes < text.size() && bytes < 4 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) ++bytes;
  return bytes;
}

struct SetMatch {
  bool matches = false;
  std::size_t bytes = 0;  // Of the set in the pattern.
};

// `[...]` at the front of `pattern`, of single bytes; nothing when its end is missing:
// then the bracket means itself.
std::optional<SetMatch> match_set(std::string_view pattern, char c) {
  std::size_t at = 1;
  const bool inverted = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (inverted) ++at;
  bool found = false;
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) return SetMatch{found != inverted, at + 1};
    const char low = pattern[at];
    char high = low;
    if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
      high = pattern[at + 2];
      at += 2;
    }
    const auto byte = [](char value) { return static_cast<unsigned char>(value); };
    found = found || (byte(low) <= byte(c) && byte(c) <= byte(high));
    ++at;
  }
  return std::nullopt;
}

// What one step of the pattern takes of the name; nothing: they differ.
struct Step {
  std::size_t pattern = 0;
  std::size_t name = 0;
};

std::optional<Step> match_step(std::string_view pattern, std::string_view name) {
  if (pattern.empty() || name.empty()) return std::nullopt;
  if (pattern[0] == '?') return Step{1, character_bytes(name)};
  if (pattern[0] == '[') {
    if (const auto set = match_set(pattern, name[0])) {
      if (!set->matches) return std::nullopt;
      return Step{set->bytes, 1};
    }
  }
  if (pattern[0] != name[0]) return std::nullopt;
  return Step{1, 1};
}

// Goes back to the last `*` only: an earlier one could not do better.
bool name_matches(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  std::optional<std::string_view> star_pattern;
  std::string_view star_name;
  while (!name.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      star_pattern = pattern;
      star_name = name;
    } else if (const auto step = match_step(pattern, name)) {
      pattern.remove_prefix(step->pattern);
      name.remove_prefix(step->name);
    } else if (star_pattern) {
      star_name.remove_prefix(character_bytes(star_name));
      name = star_name;
      pattern = *star_pattern;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

}  // namespace

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    if (!name.empty() && name != ".") names.emplace_back(name);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return names;
}

Result<Glob> Glob::parse(std::string_view text) {
  const auto refuse = [&](const char* why) {
    return Error{ErrorCode::invalid_request, "collect: " + in_quotes(text) + " " + why};
  };
  if (text.size() > limits::kRunPathBytesMax) return refuse("is too long");
  if (text.starts_with('/')) return refuse("must be relative to the run's folder");
  Glob glob;
  glob.text_ = text;
  glob.names_ = split_path(text);
  if (text.ends_with('/')) glob.names_.emplace_back("**");
  if (glob.names_.empty()) return refuse("names no file");
  if (std::ranges::find(glob.names_, "..") != glob.names_.end()) return refuse("must not leave the run's folder");
  if (glob.names_.back() == "**") glob.names_.emplace_back("*");
  return glob;
}

Glob Glob::literal(std::string_view path) {
  Glob glob;
  glob.text_ = path;
  glob.names_ = split_path(path);
  glob.literal_ = true;
  return glob;
}

bool Glob::matches(std::string_view path) const {
  const std::vector<std::string> names = split_path(path);
  if (literal_) return names == names_;
  // reached[i]: the pattern up to its i-th name matches the names so far.
  std::vector<bool> reached(names_.size() + 1, false);
  reached[0] = true;
  const auto skip_folders = [&](std::vector<bool>& at) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (at[i] && names_[i] == "**") at[i + 1] = true;
    }
  };
  skip_folders(reached);
  for (const std::string& name : names) {
    std::vector<bool> next(names_.size() + 1, false);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (!reached[i]) continue;
      if (names_[i] == "**") {
        next[i] = next[i] || !name.starts_with('.');
      } else if (name_matches(names_[i], name)) {
        next[i + 1] = true;
      }
    }
    skip_folders(next);
    reached = std::move(next);
  }
  return reached.back();
}

}  // namespace skillscale
