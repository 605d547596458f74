#include "skills/frontmatter.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"

namespace skillscale {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kFence = "---";
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view without_trailing_blanks(std::string_view text) {
  const std::size_t last = text.find_last_not_of(kBlanks);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

// Takes the next line, without its line feed, off the front of `rest`.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

std::string with_line_feeds_only(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    result.push_back(text[i]);
  }
  return result;
}

bool is_forbidden_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
}

// The first line that is not text; nothing when all of them are.
std::optional<TextFault> fault_in_encoding(std::string_view text) {
  for (std::size_t line = 1; !text.empty(); ++line) {
    if (!is_valid_utf8(take_line(text))) return TextFault{line, "not valid UTF-8"};
  }
  return std::nullopt;
}

// Builds the tree while yaml-cpp reads. What is not allowed is thrown as yaml-cpp's own
// exception with its place, and so comes out with the syntax errors.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::size_t first_line) : first_line_(first_line) {}

  YamlValue take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "aliases (*name) are not allowed"); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add(mark, value(YamlValue::Kind::null, mark, {}));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    refuse_anchor(mark, anchor);
    if (std::any_of(text.begin(), text.end(), is_forbidden_control) || !is_valid_utf8(text)) {
      refuse(mark, "control characters are not allowed");
    }
    YamlValue scalar = value(YamlValue::Kind::scalar, mark, text);
    scalar.quoted = tag == "!";
    add(mark, std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, YamlValue::Kind::sequence);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, YamlValue::Kind::mapping);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  // A collection that is not closed yet, and the key that waits for its value.
  struct Open {
    YAML::Mark mark;
    YamlValue value;
    std::optional<YamlMember> member;
  };

  [[noreturn]] static void refuse(const YAML::Mark& mark, const char* why) { throw YAML::ParserException(mark, why); }

  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) refuse(mark, "anchors (&name) are not allowed");
  }

  std::size_t line_of(const YAML::Mark& mark) const { return first_line_ + static_cast<std::size_t>(mark.line); }

  YamlValue value(YamlValue::Kind kind, const YAML::Mark& mark, std::string text) const {
    return {kind, line_of(mark), std::move(text), {}, {}, false};
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlValue::Kind kind) {
    refuse_anchor(mark, anchor);
    if (open_.size() >= limits::kFrontmatterDepthMax) refuse(mark, "nested too deeply");
    open_.push_back({mark, value(kind, mark, {}), std::nullopt});
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    add(closed.mark, std::move(closed.value));
  }

  void add(const YAML::Mark& mark, YamlValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.kind == YamlValue::Kind::sequence) {
      parent.value.items.push_back(std::move(value));
    } else if (parent.member) {
      parent.member->value = std::move(value);
      parent.value.members.push_back(*std::exchange(parent.member, std::nullopt));
    } else {
      if (value.kind != YamlValue::Kind::scalar) refuse(mark, "a key must be text");
      parent.member = YamlMember{std::move(value.text), line_of(mark), {}};
    }
  }

  const std::size_t first_line_;
  YamlValue root_;
  std::vector<Open> open_;
};

// A line `key: value`.
struct KeyLine {
  std::size_t indent;
  std::size_t value;  // Where the value begins; npos: not on this line.
};

std::optional<KeyLine> as_key_line(std::string_view line) {
  constexpr std::string_view kKeyCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  const std::size_t indent = line.find_first_not_of(' ');
  if (indent == std::string_view::npos) return std::nullopt;
  const std::size_t colon = line.find_first_not_of(kKeyCharacters, indent);
  if (colon == std::string_view::npos || colon == indent || line[colon] != ':') return std::nullopt;
  const std::size_t value = line.find_first_not_of(kBlanks, colon + 1);
  if (value == colon + 1) return std::nullopt;
  return KeyLine{indent, value};
}

bool is_plain(std::string_view value) {
  constexpr std::string_view kNotPlain = "\"'[]{}|>&*!%@`#";
  return !value.empty() && kNotPlain.find(value.front()) == std::string_view::npos;
}

// Takes the lines that are indented more than `indent` off the front of `rest`:
// what continues the value of a key at `indent`.
std::string_view take_continuation(std::string_view& rest, std::size_t indent) {
  const std::string_view before = rest;
  while (!rest.empty()) {
    std::string_view after = rest;
    const std::string_view line = take_line(after);
    const bool blank = line.find_first_not_of(kBlanks) == std::string_view::npos;
    if (!blank && line.find_first_not_of(' ') <= indent) break;
    rest = after;
  }
  return before.substr(0, before.size() - rest.size());
}

bool has_forbidden_colon(std::string_view value) {
  for (std::size_t i = value.find(':'); i != std::string_view::npos; i = value.find(':', i + 1)) {
    if (i + 1 == value.size() || value[i + 1] == ' ' || value[i + 1] == '\t' || value[i + 1] == '\n') return true;
  }
  return false;
}

// `value` in single quotes; a comment after it stays outside.
std::string single_quoted(std::string_view value) {
  const std::size_t comment = value.find(" #");
  const std::string_view text = without_trailing_blanks(value.substr(0, comment));
  std::string result = "'";
  for (const char c : text) result.append(c == '\'' ? 2 : 1, c);
  result.push_back('\'');
  if (comment != std::string_view::npos) result.append(value.substr(comment));
  return result;
}

// True when quoting helps: a plain value with a forbidden colon. A value whose
// further lines look like keys is more likely indented wrongly; that is left to be reported.
bool can_be_quoted(std::string_view entry, const KeyLine& key) {
  if (key.value == std::string_view::npos || !is_plain(entry.substr(key.value))) return false;
  std::string_view rest = entry;
  take_line(rest);
  while (!rest.empty()) {
    if (as_key_line(take_line(rest))) return false;
  }
  return has_forbidden_colon(without_trailing_blanks(entry.substr(key.value)));
}

}  // namespace

std::variant<SkillText, TextFault> split_skill_text(std::string_view text) {
  if (text.size() > limits::kManifestBytesMax) {
    return TextFault{0, "larger than " + std::to_string(limits::kManifestBytesMax) + " bytes"};
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (const auto fault = fault_in_encoding(text)) return *fault;

  std::string_view rest = text;
  if (without_trailing_blanks(take_line(rest)) != kFence) {
    return TextFault{1, "no frontmatter: the first line must be ---"};
  }
  const std::string_view yaml_and_body = rest;
  while (!rest.empty()) {
    const std::string_view before = rest;
    if (without_trailing_blanks(take_line(rest)) != kFence) continue;
    const std::string_view yaml = yaml_and_body.substr(0, yaml_and_body.size() - before.size());
    if (yaml.size() > limits::kFrontmatterBytesMax) {
      return TextFault{1, "the frontmatter is larger than " + std::to_string(limits::kFrontmatterBytesMax) + " bytes"};
    }
    return SkillText{with_line_feeds_only(yaml), 2, with_line_feeds_only(rest)};
  }
  return TextFault{1, "the frontmatter has no end: a second line --- is missing"};
}

std::variant<YamlValue, TextFault> parse_yaml(const std::string& yaml, std::size_t first_line) try {
  // At the very end of its input yaml-cpp notices a quote that is never closed; before
  // a last line feed it does not.
  std::istringstream stream(std::string(without_trailing_blanks(yaml)));
  YAML::Parser parser(stream);
  TreeBuilder builder(first_line);
  parser.HandleNextDocument(builder);
  return builder.take_root();
} catch (const YAML::Exception& error) {
  const std::size_t line = error.mark.line < 0 ? 0 : static_cast<std::size_t>(error.mark.line);
  return TextFault{first_line + line, "invalid YAML: " + error.msg};
}

QuotedYaml quote_colons(std::string_view yaml) {
  QuotedYaml result;
  std::size_t number = 0;
  while (!yaml.empty()) {
    const std::string_view before = yaml;
    const std::string_view line = take_line(yaml);
    const std::optional<KeyLine> key = as_key_line(line);
    if (key && key->value != std::string_view::npos) take_continuation(yaml, key->indent);
    std::string_view entry = before.substr(0, before.size() - yaml.size());
    const std::size_t lines = static_cast<std::size_t>(std::count(entry.begin(), entry.end(), '\n'));
    if (entry.ends_with('\n')) entry.remove_suffix(1);

    if (key && can_be_quoted(entry, *key)) {
      result.yaml.append(entry.substr(0, key->value)).append(single_quoted(entry.substr(key->value)));
      result.lines.push_back(number);
    } else {
      result.yaml.append(entry);
    }
    result.yaml.push_back('\n');
    number += lines;
  }
  return result;
}

}  // namespace skillscale
