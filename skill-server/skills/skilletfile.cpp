#include "skills/skilletfile.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "skills/frontmatter.h"
#include "skills/metadata_keys.h"
#include "skills/skill_fields.h"
#include "skills/skill_name.h"

namespace skillscale {
namespace {

using Kind = YamlValue::Kind;

bool is_yes(std::string_view text) { return text == "true" || text == "True"; }

class DescriptorReader {
 public:
  DescriptorReader(const std::filesystem::path& file, Descriptor kind, Problems& problems)
      : file_(file), kind_(kind), problems_(problems) {}

  std::optional<Manifest> read(const YamlValue& root) {
    if (root.kind != Kind::mapping) {
      problem(1, Severity::error, "the file must be a list of `key: value` lines");
      return std::nullopt;
    }
    for (const YamlMember& member : root.members) {
      if (seen_.insert(member.key).second) {
        read_member(member);
      } else {
        warn(member.line, in_quotes(member.key) + " is given twice; the first one counts");
      }
    }
    return finish();
  }

  void problem(std::size_t line, Severity severity, std::string message) {
    report(problems_, {file_, line, severity, std::move(message)});
  }

 private:
  void warn(std::size_t line, std::string message) { problem(line, Severity::warning, std::move(message)); }

  void read_member(const YamlMember& member) {
    const std::string& key = member.key;
    const std::string& text = member.value.text;
    if (key == "id") id_ = text;
    if (key == "name") manifest_.name = text;
    if (key == "description") manifest_.description = text;
    if (key == "license") manifest_.license = text;
    if (key == "version") manifest_.version = text;
    if (key == (kind_ == Descriptor::skillet ? "entry" : "entrypoint")) manifest_.entrypoint = text;
    if (key == "runtime") read_runtime(member);
    if (key == "tags") read_tags(member.value);
    if (key == "inputs" || key == "outputs") read_declared_fields(member);
    if (key == "env" || key == "secrets" || key == "credentials") read_variables(member.value);
    if (key == "deprecated") deprecated_ = is_yes(text);
    if (key == "deprecation_reason") reason_ = text;
    if (key == "replacement_id") replacement_ = text;
  }

  void read_runtime(const YamlMember& member) {
    if (!member.value.text.starts_with("python")) manifest_.runtime = member.value.text;
  }

  void read_tags(const YamlValue& value) {
    if (value.kind == Kind::scalar) manifest_.tags = split_list(value.text);
    for (const YamlValue& item : value.items) {
      if (!item.text.empty()) manifest_.tags.push_back(item.text);
    }
  }

  void read_declared_fields(const YamlMember& member) {
    const FaultReport fault = [this](std::size_t line, std::string message) { warn(line, std::move(message)); };
    // Skillet's own runtime asks for every input that is not marked `required: false`.
    const bool inputs = member.key == "inputs";
    auto& fields = inputs ? manifest_.inputs : manifest_.outputs;
    fields = read_fields(member.value, inputs && kind_ == Descriptor::skillet, fault);
  }

  // A list of names or of {name, required}, or a mapping from names to {required} or to anything else.
  void read_variables(const YamlValue& value) {
    if (value.kind == Kind::scalar) {
      for (const std::string& name : split_list(value.text)) declare(name, true, value.line);
    }
    for (const YamlValue& item : value.items) {
      if (item.kind == Kind::mapping) {
        declare(text_in(item, "name"), is_required(item), item.line);
      } else {
        declare(item.text, true, item.line);
      }
    }
    for (const YamlMember& member : value.members) declare(member.key, is_required(member.value), member.line);
  }

  static std::string text_in(const YamlValue& mapping, std::string_view key) {
    for (const YamlMember& member : mapping.members) {
      if (member.key == key) return member.value.text;
    }
    return {};
  }

  static bool is_required(const YamlValue& mapping) {
    const std::string required = text_in(mapping, "required");
    return (required.empty() || is_yes(required)) && !is_yes(text_in(mapping, "optional"));
  }

  void declare(std::string name, bool required, std::size_t line) {
    if (name.ends_with('?')) {
      name.pop_back();
      required = false;
    }
    if (!is_variable_name(name)) {
      return warn(line, in_quotes(name) + " is not the name of a variable that a skill may have; it is left out");
    }
    declare_variable(manifest_, {std::move(name), required});
  }

  std::optional<Manifest> finish() {
    if (manifest_.entrypoint.empty()) {
      problem(0, Severity::error,
              kind_ == Descriptor::skillet ? "no \"entry: module:function\""
                                           : "not a SkillOS skill: there is no \"entrypoint: module:function\"");
      return std::nullopt;
    }
    // SkillOS names are for display; its ids are "domain/name".
    if (kind_ == Descriptor::skillos && !id_.empty()) manifest_.name = id_.substr(id_.rfind('/') + 1);
    if (manifest_.name.empty()) manifest_.name = file_.parent_path().filename().string();
    manifest_.name = normalized_name(manifest_.name);
    if (!is_usable_name(manifest_.name)) {
      problem(0, Severity::error, "the name cannot be used");
      return std::nullopt;
    }
    if (deprecated_) manifest_.deprecated = reason_.empty() ? "deprecated" : reason_;
    if (deprecated_) manifest_.replaced_by = replacement_.substr(replacement_.rfind('/') + 1);
    if (!manifest_.version.empty()) manifest_.metadata.emplace("version", manifest_.version);
    return std::move(manifest_);
  }

  const std::filesystem::path& file_;
  const Descriptor kind_;
  Problems& problems_;
  Manifest manifest_;
  std::set<std::string> seen_;
  std::string id_;
  bool deprecated_ = false;
  std::string reason_;
  std::string replacement_;
};

}  // namespace

ManifestReading parse_descriptor(std::string_view text, const std::filesystem::path& file, Descriptor kind) {
  ManifestReading reading;
  DescriptorReader reader(file, kind, reading.problems);
  if (text.size() > limits::kFrontmatterBytesMax) {
    reader.problem(0, Severity::error, "larger than " + std::to_string(limits::kFrontmatterBytesMax) + " bytes");
    return reading;
  }
  if (!is_valid_utf8(text)) {
    reader.problem(0, Severity::error, "not valid UTF-8");
    return reading;
  }
  auto parsed = parse_yaml(std::string(text), 1);
  if (const auto* fault = std::get_if<TextFault>(&parsed)) {
    reader.problem(fault->line, Severity::error, fault->message);
    return reading;
  }
  reading.manifest = reader.read(std::get<YamlValue>(parsed));
  return reading;
}

}  // namespace skillscale
