// The YAML between the two lines `---` of a SKILL.md, as a small tree with line numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace skillscale {

struct YamlMember;

// A YAML value. Aliases and anchors do not occur: they are refused when parsed, so
// the tree is never larger than the text it comes from.
struct YamlValue {
  enum class Kind : std::uint8_t { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  std::size_t line = 0;             // In the file, from 1.
  std::string text;                 // Of a scalar: valid UTF-8 without control characters but tab and line feed.
  std::vector<YamlValue> items;     // Of a sequence.
  std::vector<YamlMember> members;  // Of a mapping, in the order of the text, repeated keys included.
  bool quoted = false;              // A scalar that stands in quotes or a block: text, whatever it looks like.
};

struct YamlMember {
  std::string key;
  std::size_t line = 0;
  YamlValue value;
};

// A SKILL.md cut in two.
struct SkillText {
  std::string yaml;           // With line feeds only, whatever the file had.
  std::size_t yaml_line = 0;  // The line of the file on which `yaml` begins.
  std::string body;
};

// What is wrong with a text, and on which line of the file.
struct TextFault {
  std::size_t line = 0;
  std::string message;
};

// Cuts `text` at its `---` lines. Accepts a byte order mark and CR LF.
std::variant<SkillText, TextFault> split_skill_text(std::string_view text);

// Parses `yaml`, whose first line has the number `first_line` in its file.
std::variant<YamlValue, TextFault> parse_yaml(const std::string& yaml, std::size_t first_line);

struct QuotedYaml {
  std::string yaml;                // With the same number of lines.
  std::vector<std::size_t> lines;  // Those that were changed, counted from 0.
};

// Quotes every plain value with a colon in it that YAML forbids and people write
// all the same (`description: Use this: ...`).
QuotedYaml quote_colons(std::string_view yaml);

}  // namespace skillscale
