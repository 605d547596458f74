#include "skills/skill_loader.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/limits.h"
#include "skills/file_text.h"
#include "skills/metadata_keys.h"
#include "skills/skill_files.h"
#include "skills/skill_folders.h"
#include "skills/skill_scripts.h"
#include "skills/skilletfile.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEntryScripts[] = {"scripts/run.sh", "scripts/run.py"};

bool leads_out(const fs::path& file, const fs::path& root) {
  std::error_code error;
  const fs::path target = fs::canonical(file, error);
  return error || !is_inside(target, root);
}

// Says how one skill is run, and why, and what is wrong with that.
class AdapterChoice {
 public:
  AdapterChoice(Skill& skill, const SkillFolder& folder, const fs::path& root, const Interpreters& interpreters,
                Strictness strictness, Problems& problems)
      : skill_(skill),
        folder_(folder),
        root_(root),
        interpreters_(interpreters),
        strictness_(strictness),
        problems_(problems) {}

  // The first that fits, of: intent, function, argv, instructions.
  void choose(const Manifest& manifest, FunctionEntry::Dialect dialect, const std::string& entry_file) {
    find_all_scripts();
    if (choose_intent() || choose_entrypoint(manifest, dialect, entry_file) || choose_decorated()) return;
    if (skill_.scripts.empty()) {
      decide(Adapter::instructions, "there is no script and no entrypoint: the reply is the text of the skill");
      return;
    }
    const std::size_t count = skill_.scripts.size();
    decide(Adapter::argv, std::to_string(count) + (count == 1 ? " script" : " scripts") +
                              " below scripts/ and no entry: the intent names one as `script`, with `args`");
  }

 private:
  void problem(const std::string& file, std::size_t line, Severity severity, std::string message) {
    report(problems_, {folder_.shown / file, line, severity, std::move(message)});
  }

  void decide(Adapter adapter, std::string reason) {
    skill_.adapter = adapter;
    skill_.adapter_reason = std::move(reason);
  }

  void cannot_run(const std::string& file, std::size_t line, const std::string& why) {
    skill_.not_runnable = file + ": " + why;
    problem(file, line, Severity::error, "cannot be run: " + why);
  }

  void find_all_scripts() {
    auto scripts = find_scripts(skill_.folder, root_, interpreters_);
    if (scripts) {
      skill_.scripts = std::move(*scripts);
    } else {
      problem("scripts", 0, Severity::warning, scripts.error().detail);
    }
    for (const Script& script : skill_.scripts) {
      const bool is_entry =
          std::find(std::begin(kEntryScripts), std::end(kEntryScripts), script.path) != std::end(kEntryScripts);
      const Severity severity = strictness_ == Strictness::strict ? Severity::error : Severity::warning;
      if (!script.run && !is_entry) problem(script.path, 1, severity, "cannot be run: " + script.not_runnable);
    }
  }

  bool choose_intent() {
    for (const char* name : kEntryScripts) {
      const fs::path script = skill_.folder / name;
      std::error_code error;
      if (!fs::exists(fs::symlink_status(script, error))) continue;
      decide(Adapter::intent, "there is " + std::string(name));
      auto resolved = leads_out(script, root_) ? Result<Resolved>(Error{ErrorCode::invalid_config,
                                                                        "the link leads nowhere, or out of the "
                                                                        "skills directory"})
                                               : resolve_script(script, interpreters_);
      if (!resolved) {
        cannot_run(name, 1, resolved.error().detail);
        return true;
      }
      if (!resolved->warning.empty()) problem(name, 1, Severity::warning, resolved->warning);
      skill_.run = std::move(resolved->run);
      return true;
    }
    return false;
  }

  bool choose_entrypoint(const Manifest& manifest, FunctionEntry::Dialect dialect, const std::string& entry_file) {
    if (manifest.entrypoint.empty()) return false;
    decide(Adapter::function, entry_file + " has the entry " + in_quotes(manifest.entrypoint));
    if (!manifest.runtime.empty()) {
      cannot_run(entry_file, 0, "the runtime " + in_quotes(manifest.runtime) + " is not supported, only Python");
      return true;
    }
    auto entry = resolve_entrypoint(manifest.entrypoint, dialect, skill_.folder, interpreters_);
    if (entry) {
      skill_.function = std::move(*entry);
    } else {
      cannot_run(entry_file, 0, entry.error().detail);
    }
    return true;
  }

  bool choose_decorated() {
    const std::vector<std::string> files = find_decorated(skill_.folder, skill_.scripts);
    if (files.empty()) return false;
    decide(Adapter::function, files[0] + " has a function with the @skill decorator");
    if (files.size() > 1) problem(files[1], 0, Severity::warning, "not used: " + files[0] + " has @skill as well");
    const auto python = interpreters_.find("python3");
    if (!python) {
      cannot_run(files[0], 0, python.error().detail);
      return true;
    }
    skill_.function = FunctionEntry{
        FunctionEntry::Dialect::skillos, (skill_.folder / files[0]).string(), {}, {}, python.value().path};
    return true;
  }

  Skill& skill_;
  const SkillFolder& folder_;
  const fs::path& root_;
  const Interpreters& interpreters_;
  const Strictness strictness_;
  Problems& problems_;
};

Skill skill_from(Manifest& manifest, const fs::path& folder) {
  Skill skill;
  skill.name = std::move(manifest.name);
  skill.description = std::move(manifest.description);
  skill.version = std::move(manifest.version);
  skill.tags = std::move(manifest.tags);
  skill.license = std::move(manifest.license);
  skill.compatibility = std::move(manifest.compatibility);
  skill.metadata = std::move(manifest.metadata);
  skill.folder = folder;
  skill.source = folder;
  skill.inputs = std::move(manifest.inputs);
  skill.outputs = std::move(manifest.outputs);
  skill.env = std::move(manifest.env);
  skill.limits = manifest.limits;
  skill.sandbox = std::move(manifest.sandbox);
  skill.wants_network = manifest.wants_network;
  skill.runner = manifest.runner;
  skill.deprecated = std::move(manifest.deprecated);
  skill.replaced_by = std::move(manifest.replaced_by);
  skill.idempotent = manifest.idempotent;
  skill.timeout = manifest.timeout;
  skill.body = std::move(manifest.body);
  return skill;
}

struct LoadedSkill {
  SkillPtr skill;  // Null: a problem of severity error says why.
  Problems problems;
};

// Reads the files that describe one skill.
class DescriptionReader {
 public:
  DescriptionReader(const SkillFolder& folder, const fs::path& root, Strictness strictness, Problems& problems)
      : folder_(folder), root_(root), strictness_(strictness), problems_(problems), entry_file_(folder.description) {}

  // Nothing: a problem of severity error says why.
  std::optional<Manifest> read() {
    const std::string& name = folder_.description;
    const bool is_markdown = name == kSkillFileName || name == kSmallSkillFileName;
    if (!is_markdown) {
      problem(name, Severity::warning, "no SKILL.md: only some programs, as this one, load such a skill");
      dialect_ = name == kSkilletFileName ? FunctionEntry::Dialect::skillet : FunctionEntry::Dialect::skillos;
      return read_descriptor(name);
    }
    if (name == kSmallSkillFileName) problem(name, Severity::warning, "the file should be called SKILL.md");
    auto manifest = read_markdown();
    if (!manifest) return std::nullopt;
    if (!manifest->entrypoint.empty()) {
      const bool is_file = manifest->entrypoint.find(".py") != std::string::npos;
      dialect_ = is_file ? FunctionEntry::Dialect::open_skills : FunctionEntry::Dialect::skillos;
      return manifest;
    }
    std::error_code error;
    for (const char* other : {kSkilletFileName, "skill.yaml", "skill.yml"}) {
      if (fs::exists(fs::symlink_status(folder_.real / other, error))) {
        add_descriptor(*manifest, other);
        break;
      }
    }
    return manifest;
  }

  FunctionEntry::Dialect dialect() const { return dialect_; }
  const std::string& entry_file() const { return entry_file_; }  // That names the entrypoint.

 private:
  void problem(const std::string& file, Severity severity, std::string message) {
    report(problems_, {folder_.shown / file, 0, severity, std::move(message)});
  }

  std::optional<std::string> read_text(const std::string& name, std::size_t bytes_max) {
    const fs::path file = folder_.real / name;
    if (leads_out(file, root_)) {
      problem(name, Severity::error, "not read: the link leads out of the skills directory");
      return std::nullopt;
    }
    // One byte more than allowed, so that the parser sees that it is too much.
    auto text = read_file_prefix(file, bytes_max + 1);
    if (text) return std::move(*text);
    problem(name, Severity::error, text.error().detail);
    return std::nullopt;
  }

  std::optional<Manifest> take(ManifestReading reading, const std::string& name) {
    for (Problem& found : reading.problems) found.file = folder_.shown / name;
    std::move(reading.problems.begin(), reading.problems.end(), std::back_inserter(problems_));
    return std::move(reading.manifest);
  }

  // The folder's own name counts, also where `shown` is "." or a link.
  std::optional<Manifest> read_markdown() {
    const std::string& name = folder_.description;
    const auto text = read_text(name, limits::kManifestBytesMax);
    if (!text) return std::nullopt;
    return take(parse_manifest(*text, folder_.real / name, strictness_), name);
  }

  std::optional<Manifest> read_descriptor(const std::string& name) {
    const auto text = read_text(name, limits::kFrontmatterBytesMax);
    if (!text) return std::nullopt;
    const Descriptor kind = name == kSkilletFileName ? Descriptor::skillet : Descriptor::skillos;
    return take(parse_descriptor(*text, folder_.real / name, kind), name);
  }

  // What SKILL.md says comes first; from the file beside it comes the function.
  void add_descriptor(Manifest& manifest, const std::string& name) {
    auto other = read_descriptor(name);
    if (!other) return;
    entry_file_ = name;
    dialect_ = name == kSkilletFileName ? FunctionEntry::Dialect::skillet : FunctionEntry::Dialect::skillos;
    manifest.entrypoint = std::move(other->entrypoint);
    manifest.runtime = std::move(other->runtime);
    if (manifest.inputs.empty()) manifest.inputs = std::move(other->inputs);
    if (manifest.outputs.empty()) manifest.outputs = std::move(other->outputs);
    for (DeclaredVariable& variable : other->env) declare_variable(manifest, std::move(variable));
    if (manifest.version.empty()) manifest.version = std::move(other->version);
    if (manifest.tags.empty()) manifest.tags = std::move(other->tags);
    if (manifest.deprecated.empty()) manifest.deprecated = std::move(other->deprecated);
    if (manifest.replaced_by.empty()) manifest.replaced_by = std::move(other->replaced_by);
  }

  const SkillFolder& folder_;
  const fs::path& root_;
  const Strictness strictness_;
  Problems& problems_;
  FunctionEntry::Dialect dialect_ = FunctionEntry::Dialect::open_skills;
  std::string entry_file_;
};

LoadedSkill load_skill(const SkillFolder& folder, const fs::path& root, const Interpreters& interpreters,
                       Strictness strictness) {
  LoadedSkill loaded;
  DescriptionReader reader(folder, root, strictness, loaded.problems);
  std::optional<Manifest> manifest = reader.read();
  if (!manifest) return loaded;

  Skill skill = skill_from(*manifest, folder.real);
  AdapterChoice(skill, folder, root, interpreters, strictness, loaded.problems)
      .choose(*manifest, reader.dialect(), reader.entry_file());
  if (skill.instructions_only() && skill.scripts.empty() && skill.body.empty()) {
    report(loaded.problems, {folder.shown / folder.description, 0, Severity::warning,
                             "no scripts/run.sh, no scripts/run.py and no instructions"});
  }
  if (auto digest = digest_of_skill(folder.real)) {
    skill.digest = std::move(*digest);
  } else {
    report(loaded.problems, {folder.shown, 0, Severity::warning, "no digest: " + digest.error().detail});
  }
  loaded.skill = std::make_shared<const Skill>(std::move(skill));
  return loaded;
}

}  // namespace

Result<LoadedSkills> load_skills(const fs::path& root, const Interpreters& interpreters, Strictness strictness) {
  auto found = find_skill_folders(root);
  if (!found) return std::move(found).error();

  LoadedSkills result;
  result.looked_at = found->folders.size();
  result.problems = std::move(found->problems);
  std::map<std::string, fs::path> first_with_name;
  for (const SkillFolder& folder : found->folders) {
    LoadedSkill loaded = load_skill(folder, found->root, interpreters, strictness);
    if (loaded.skill) {
      const auto [first, is_new] = first_with_name.emplace(loaded.skill->name, folder.shown);
      if (is_new) {
        result.skills.push_back(std::move(loaded.skill));
      } else {
        report(loaded.problems,
               {folder.shown / folder.description, 0, Severity::error,
                "not loaded: " + first->second.string() + " has the same name, " + in_quotes(first->first)});
      }
    }
    std::move(loaded.problems.begin(), loaded.problems.end(), std::back_inserter(result.problems));
  }
  return result;
}

}  // namespace skillscale
