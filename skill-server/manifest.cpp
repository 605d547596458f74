#include "skill-server/manifest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <set>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "skill-server/frontmatter.h"

namespace skillscale {
namespace {

using Kind = YamlValue::Kind;

constexpr std::string_view kSpaces = " \t\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

// Characters, not bytes: the specification counts so.
std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

// What the specification has against `name`; empty: nothing.
std::string fault_in_name(std::string_view name) {
  if (name.size() > limits::kSkillNameBytesMax) return "is longer than 64 characters";
  if (!std::all_of(name.begin(), name.end(), is_name_character)) {
    return "may hold only lower-case letters a-z, digits and hyphens";
  }
  if (name.starts_with('-') || name.ends_with('-')) return "must not begin or end with a hyphen";
  if (name.find("--") != std::string_view::npos) return "must not hold two hyphens in a row";
  return {};
}

std::vector<std::string> split_list(std::string_view text) {
  const std::string_view separators = text.find(',') == std::string_view::npos ? kSpaces : std::string_view(",\n");
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(separators);
    const std::string_view part = trimmed(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

std::optional<std::int64_t> as_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_switch(std::string_view text) { return text == "true" || text == "false"; }

bool is_timeout(std::string_view text) {
  const auto number = as_integer(text);
  return number && *number >= 1 && *number <= limits::kTimeoutMax.count();
}

bool is_positive(std::string_view text) {
  const auto number = as_integer(text);
  return number && *number >= 1;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

bool is_environment_name(std::string_view name) {
  const auto fits = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && fits(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return fits(c) || (c >= '0' && c <= '9'); });
}

bool is_environment_list(std::string_view text) {
  const auto names = split_list(text);
  return std::all_of(names.begin(), names.end(), is_environment_name);
}

// A key of `metadata` that means something to SkillScale.
struct MetadataKey {
  std::string_view name;
  bool (*accepts)(std::string_view);
  std::string_view allowed;
};

constexpr auto accept_any = [](std::string_view) { return true; };

constexpr std::array<MetadataKey, 9> kMetadataKeys = {{
    {"timeout-ms", is_timeout, "a number from 1 to 604800000"},
    {"idempotent", is_switch, "true or false"},
    {"tags", accept_any, ""},
    {"version", accept_any, ""},
    {"memory-mb", is_positive, "a positive number"},
    {"allow-network", is_switch, "true or false"},
    {"sandbox",
     [](std::string_view text) {
       return is_one_of(text, {"none", "standard", "strict"});
     },
     "none, standard or strict"},
    {"runner",
     [](std::string_view text) {
       return is_one_of(text, {"cold", "zygote", "worker"});
     },
     "cold, zygote or worker"},
    {"env", is_environment_list, "names of environment variables"},
}};

const MetadataKey* known_key(std::string_view name) {
  const auto* found = std::find_if(kMetadataKeys.begin(), kMetadataKeys.end(),
                                   [&](const MetadataKey& key) { return key.name == name; });
  return found == kMetadataKeys.end() ? nullptr : found;
}

// Fills a manifest from the tree, and reports on the way.
class Reader {
 public:
  Reader(const std::filesystem::path& file, Strictness strictness, Problems& problems)
      : file_(file), strictness_(strictness), problems_(problems) {}

  // Nothing when the skill cannot be used.
  std::optional<Manifest> read(const YamlValue& root) {
    if (root.kind != Kind::mapping) {
      error(std::max<std::size_t>(root.line, 1), "the frontmatter must be a list of `key: value` lines");
      return std::nullopt;
    }
    for (const YamlMember& member : root.members) read_field(member);
    apply_metadata();
    const bool named = finish_name();
    const bool described = finish_description();
    if (!named || !described) return std::nullopt;
    return std::move(manifest_);
  }

  void error(std::size_t line, std::string message) {
    report(problems_, {file_, line, Severity::error, std::move(message)});
  }
  // What loading forgives and validation does not.
  void fault(std::size_t line, std::string message) {
    const Severity severity = strictness_ == Strictness::strict ? Severity::error : Severity::warning;
    report(problems_, {file_, line, severity, std::move(message)});
  }

 private:
  void read_field(const YamlMember& member) {
    if (!seen_.insert(member.key).second) {
      fault(member.line, in_quotes(member.key) + " is given twice; the first one counts");
    } else if (member.key == "name") {
      name_line_ = member.line;
      manifest_.name = text_of(member);
    } else if (member.key == "description") {
      description_line_ = member.line;
      manifest_.description = text_of(member);
    } else if (member.key == "license") {
      manifest_.license = text_of(member);
    } else if (member.key == "compatibility") {
      read_compatibility(member);
    } else if (member.key == "allowed-tools") {
      manifest_.allowed_tools = text_of(member);
    } else if (member.key == "metadata") {
      read_metadata(member);
    } else {
      read_unknown(member);
    }
  }

  // Scalars as they are; a list, which people write for `allowed-tools` and `tags`, as its joined items.
  std::string text_of(const YamlMember& member) {
    const YamlValue& value = member.value;
    if (value.kind == Kind::scalar) return std::string(trimmed(value.text));
    if (value.kind == Kind::null) return {};
    fault(member.line, in_quotes(member.key) + " must be text");
    std::string joined;
    for (const YamlValue& item : value.items) {
      if (item.kind == Kind::scalar) joined += (joined.empty() ? "" : ", ") + item.text;
    }
    return joined;
  }

  void read_compatibility(const YamlMember& member) {
    manifest_.compatibility = text_of(member);
    if (character_count(manifest_.compatibility) > limits::kSkillCompatibilityCharsMax) {
      fault(member.line, "\"compatibility\" is longer than 500 characters");
    }
  }

  void read_metadata(const YamlMember& member) {
    if (member.value.kind == Kind::null) return;
    if (member.value.kind != Kind::mapping) {
      fault(member.line, "\"metadata\" must be a list of `key: value` lines");
      return;
    }
    for (const YamlMember& entry : member.value.members) {
      if (!manifest_.metadata.emplace(entry.key, text_of(entry)).second) {
        fault(entry.line, in_quotes(entry.key) + " is given twice in \"metadata\"; the first one counts");
        continue;
      }
      check_metadata(entry);
    }
  }

  // A value that cannot be used is taken out, so that nobody else trips over it.
  void check_metadata(const YamlMember& entry) {
    const MetadataKey* key = known_key(entry.key);
    if (key == nullptr) {
      hint_at_known_key(entry);
      return;
    }
    const auto value = manifest_.metadata.find(entry.key);
    if (key->accepts(value->second)) return;
    fault(entry.line,
          "metadata " + entry.key + " is " + in_quotes(value->second) + "; allowed: " + std::string(key->allowed));
    manifest_.metadata.erase(value);
  }

  // Metadata keys are free, so only one that is almost ours is worth a word.
  void hint_at_known_key(const YamlMember& entry) {
    std::string hyphenated = entry.key;
    std::replace(hyphenated.begin(), hyphenated.end(), '_', '-');
    if (known_key(hyphenated) == nullptr) return;
    report(problems_,
           {file_, entry.line, Severity::warning,
            "metadata " + in_quotes(entry.key) + " means nothing here; is " + in_quotes(hyphenated) + " meant?"});
  }

  void read_unknown(const YamlMember& member) {
    if (known_key(member.key) == nullptr) {
      fault(member.line, "unknown field " + in_quotes(member.key));
      return;
    }
    fault(member.line, in_quotes(member.key) + " belongs under \"metadata\"");
    // Harmless ones are taken all the same: many published skills have them here.
    if (member.key == "version" || member.key == "tags") misplaced_.emplace(member.key, text_of(member));
  }

  void apply_metadata() {
    manifest_.metadata.merge(misplaced_);
    const auto value_of = [this](const char* key) {
      const auto found = manifest_.metadata.find(key);
      return found == manifest_.metadata.end() ? std::string() : found->second;
    };
    manifest_.version = value_of("version");
    manifest_.tags = split_list(value_of("tags"));
    manifest_.idempotent = value_of("idempotent") == "true";
    if (const auto number = as_integer(value_of("timeout-ms"))) manifest_.timeout = std::chrono::milliseconds(*number);
  }

  bool finish_name() {
    const std::string folder = file_.parent_path().filename().string();
    if (manifest_.name.empty()) {
      fault(name_line_, "no \"name\"; the folder's name is taken");
      manifest_.name = folder;
    }
    const std::string why = fault_in_name(manifest_.name);
    if (!why.empty()) fault(name_line_, "the name " + in_quotes(manifest_.name) + ' ' + why);
    if (!is_usable_name(manifest_.name)) {
      error(name_line_, "the name cannot be used");
      return false;
    }
    if (manifest_.name != folder) {
      fault(name_line_, "the name " + in_quotes(manifest_.name) + " differs from the folder's, " + in_quotes(folder));
    }
    return true;
  }

  // Names stand in logs, replies and error texts. (A folder's name may be any bytes.)
  static bool is_usable_name(std::string_view name) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    return !name.empty() && name.size() <= limits::kSkillNameBytesLenientMax && is_valid_utf8(name) &&
           std::none_of(name.begin(), name.end(), is_control);
  }

  bool finish_description() {
    if (manifest_.description.empty()) {
      error(description_line_, "no \"description\": nobody could know when to use the skill");
      return false;
    }
    if (character_count(manifest_.description) > limits::kSkillDescriptionCharsMax) {
      fault(description_line_, "\"description\" is longer than 1024 characters");
    }
    return true;
  }

  const std::filesystem::path& file_;
  const Strictness strictness_;
  Problems& problems_;
  Manifest manifest_;
  std::set<std::string> seen_;
  std::map<std::string, std::string> misplaced_;
  std::size_t name_line_ = 1;
  std::size_t description_line_ = 1;
};

// The tree of the frontmatter, repaired if need be; nothing when it is beyond repair.
std::optional<YamlValue> read_tree(const SkillText& parts, Reader& reader) {
  auto parsed = parse_yaml(parts.yaml, parts.yaml_line);
  if (auto* root = std::get_if<YamlValue>(&parsed)) return std::move(*root);

  const TextFault& first = std::get<TextFault>(parsed);
  const QuotedYaml repaired = quote_colons(parts.yaml);
  if (!repaired.lines.empty()) {
    auto again = parse_yaml(repaired.yaml, parts.yaml_line);
    if (auto* root = std::get_if<YamlValue>(&again)) {
      for (const std::size_t line : repaired.lines) {
        reader.fault(parts.yaml_line + line, "a value with a colon must be quoted");
      }
      return std::move(*root);
    }
  }
  reader.error(first.line, first.message);
  return std::nullopt;
}

}  // namespace

ManifestReading parse_manifest(std::string_view text, const std::filesystem::path& file, Strictness strictness) {
  ManifestReading reading;
  Reader reader(file, strictness, reading.problems);
  auto split = split_skill_text(text);
  if (const auto* fault = std::get_if<TextFault>(&split)) {
    reader.error(fault->line, fault->message);
    return reading;
  }
  SkillText& parts = std::get<SkillText>(split);
  const std::optional<YamlValue> root = read_tree(parts, reader);
  if (!root) return reading;
  reading.manifest = reader.read(*root);
  if (reading.manifest) reading.manifest->body = std::string(trimmed(parts.body));
  return reading;
}

}  // namespace skillscale
