#include "skills/manifest.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>
#include <utility>

#include "base/limits.h"
#include "skills/frontmatter.h"
#include "skills/metadata_keys.h"
#include "skills/skill_fields.h"
#include "skills/skill_name.h"

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
  struct Misplaced {
    std::string text;
    std::size_t line = 0;
  };

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
      // The reference validator takes a list here, and only here.
      manifest_.allowed_tools = member.value.kind == Kind::sequence ? joined(member.value) : text_of(member);
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
    return joined(value);
  }

  static std::string joined(const YamlValue& list) {
    std::string text;
    for (const YamlValue& item : list.items) {
      if (item.kind == Kind::scalar) text += (text.empty() ? "" : ", ") + item.text;
    }
    return text;
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
    for (const YamlMember& entry : member.value.members) read_metadata_entry(entry);
  }

  void read_metadata_entry(const YamlMember& entry) {
    if (entry.key == "inputs" || entry.key == "outputs") return read_declared_fields(entry);
    if (!manifest_.metadata.emplace(entry.key, text_of(entry)).second) {
      return fault(entry.line, in_quotes(entry.key) + " is given twice in \"metadata\"; the first one counts");
    }
    check_metadata(entry.key, entry.line);
  }

  void read_declared_fields(const YamlMember& member) {
    const FaultReport report_fault = [this](std::size_t line, std::string message) { fault(line, std::move(message)); };
    auto& fields = member.key == "inputs" ? manifest_.inputs : manifest_.outputs;
    fields = read_fields(member.value, false, report_fault);
  }

  // A value that cannot be used is taken out, so that nobody else trips over it.
  void check_metadata(const std::string& name, std::size_t line) {
    const MetadataKey* key = find_metadata_key(name);
    if (key == nullptr) return hint_at_known_key(name, line);
    const auto value = manifest_.metadata.find(name);
    if (key->accepts(value->second)) return;
    fault(line, "metadata " + name + " is " + in_quotes(value->second) + "; allowed: " + std::string(key->allowed));
    manifest_.metadata.erase(value);
  }

  // Metadata keys are free, so only one that is almost ours is worth a word.
  void hint_at_known_key(const std::string& name, std::size_t line) {
    std::string hyphenated = name;
    std::replace(hyphenated.begin(), hyphenated.end(), '_', '-');
    if (find_metadata_key(hyphenated) == nullptr) return;
    report(problems_, {file_, line, Severity::warning,
                       "metadata " + in_quotes(name) + " means nothing here; is " + in_quotes(hyphenated) + " meant?"});
  }

  // Fields that other dialects, and many published skills, have beside the specification's.
  void read_unknown(const YamlMember& member) {
    const std::string key = member.key == "allow_network" ? "allow-network" : member.key;
    if (key == "entrypoint" || key == "inputs" || key == "outputs" || key == "allow-network" ||
        key == "timeout_seconds" || key == "resources") {
      return read_dialect(member, key);
    }
    if (find_metadata_key(key) == nullptr) return fault(member.line, "unknown field " + in_quotes(key));
    fault(member.line, in_quotes(key) + " belongs under \"metadata\"");
    // Harmless ones are taken all the same.
    if (key == "version" || key == "tags") misplaced_.emplace(key, Misplaced{text_of(member), member.line});
  }

  // Of open-skills and SkillOS: taken when loading, though the specification does not have them.
  void read_dialect(const YamlMember& member, const std::string& key) {
    if (strictness_ == Strictness::strict) {
      const bool ours = find_metadata_key(key) != nullptr;
      error(member.line, ours ? in_quotes(member.key) + " belongs under \"metadata\"" +
                                    (key == member.key ? "" : " as " + in_quotes(key))
                              : "unknown field " + in_quotes(member.key));
    }
    if (key == "inputs" || key == "outputs") return read_declared_fields(member);
    if (key == "resources" || member.value.kind != Kind::scalar) return;
    std::string text(trimmed(member.value.text));
    if (key == "timeout_seconds") return read_timeout_seconds(text);
    if (key == "allow-network" && text != "true" && text != "false") return;
    misplaced_.emplace(key, Misplaced{std::move(text), member.line});
  }

  void read_timeout_seconds(std::string_view text) {
    std::int64_t seconds = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failure != std::errc() || end != text.data() + text.size()) return;
    if (seconds < 1 || seconds > limits::kTimeoutMax.count() / 1000) return;
    manifest_.timeout = std::chrono::seconds(seconds);
  }

  void apply_metadata() {
    for (auto& [key, misplaced] : misplaced_) {
      if (manifest_.metadata.emplace(key, std::move(misplaced.text)).second) check_metadata(key, misplaced.line);
    }
    for (const auto& [name, value] : manifest_.metadata) {
      if (const MetadataKey* key = find_metadata_key(name)) key->apply(value, manifest_);
    }
  }

  bool finish_name() {
    const std::string folder = file_.parent_path().filename().string();
    if (manifest_.name.empty()) {
      fault(name_line_, "no \"name\"; the folder's name is taken");
      manifest_.name = folder;
    }
    manifest_.name = normalized_name(manifest_.name);
    const std::string why = fault_in_name(manifest_.name);
    if (!why.empty()) fault(name_line_, "the name " + in_quotes(manifest_.name) + ' ' + why);
    if (!is_usable_name(manifest_.name)) {
      error(name_line_, "the name cannot be used");
      return false;
    }
    if (manifest_.name != normalized_name(folder)) {
      fault(name_line_, "the name " + in_quotes(manifest_.name) + " differs from the folder's, " + in_quotes(folder));
    }
    return true;
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
  std::map<std::string, Misplaced> misplaced_;  // Keys of `metadata` that stand outside of it.
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
