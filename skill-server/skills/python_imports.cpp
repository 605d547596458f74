#include "skills/python_imports.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/limits.h"
#include "os/supervised_run.h"
#include "skills/file_text.h"
#include "skills/skill_folders.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Reads a list of names and writes those that cannot be imported. Nothing is imported by it.
constexpr const char* kAsk =
    "import importlib.util, json, sys\n"
    "def there(name):\n"
    "    try:\n"
    "        return importlib.util.find_spec(name) is not None\n"
    "    except (ImportError, ValueError):\n"
    "        return name in sys.modules\n"
    "print(json.dumps([name for name in json.load(sys.stdin) if not there(name)]))\n";

constexpr std::string_view kBlanks = " \t\r\f";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_word(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// "a" of "a.b as c"; empty for what is no name.
std::string top_level_name(std::string_view text) {
  text = trimmed(text);
  const auto end = std::find_if_not(text.begin(), text.end(), is_word);
  return {text.begin(), end};
}

void take_import(std::string_view line, std::set<std::string>& names) {
  constexpr std::string_view kImport = "import ";
  constexpr std::string_view kFrom = "from ";
  line = line.substr(0, line.find_first_of("#;"));
  if (line.starts_with(kFrom)) {
    const std::size_t import = line.find(" import");
    if (import == std::string_view::npos) return;
    names.insert(top_level_name(line.substr(kFrom.size(), import - kFrom.size())));
  } else if (line.starts_with(kImport)) {
    line.remove_prefix(kImport.size());
    while (!line.empty()) {
      const std::size_t comma = line.find(',');
      names.insert(top_level_name(line.substr(0, comma)));
      line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
    }
  }
}

// Follows strings in three quotes over the lines, in which "import" is only a word.
class TripleQuotes {
 public:
  // True when the line begins inside of one.
  bool pass(std::string_view line) {
    const bool inside = !quote_.empty();
    while (!line.empty()) {
      const std::size_t place = quote_.empty() ? std::min(line.find(kDouble), line.find(kSingle)) : line.find(quote_);
      if (place == std::string_view::npos) break;
      quote_ = quote_.empty() ? line.substr(place, kDouble.size()) == kDouble ? kDouble : kSingle : std::string_view();
      line.remove_prefix(place + kDouble.size());
    }
    return inside;
  }

 private:
  static constexpr std::string_view kDouble = "\"\"\"";
  static constexpr std::string_view kSingle = "'''";
  std::string_view quote_;  // That ends the string in which the text is.
};

bool is_own_module(const Skill& skill, const fs::path& file, const std::string& name) {
  // Our runner provides them.
  if (name == "skillscale" || name == "skillos") return true;
  for (const fs::path& folder : {file.parent_path(), skill.folder / "scripts", skill.folder}) {
    std::error_code error;
    if (fs::exists(folder / (name + ".py"), error) || fs::is_directory(folder / name, error)) return true;
  }
  return false;
}

// The Python files that may be started, and what starts them.
std::map<std::string, std::string> python_files(const Skill& skill) {
  std::map<std::string, std::string> files;
  for (const Script& script : skill.scripts) {
    if (!script.run || !script.path.ends_with(".py")) continue;
    const fs::path program(script.run->program);
    if (program.filename().native().starts_with("python")) files.emplace(script.path, script.run->program);
  }
  if (!skill.function) return files;
  std::string path = skill.function->module;
  std::replace(path.begin(), path.end(), '.', '/');
  if (!skill.function->file.empty()) {
    path = fs::path(skill.function->file).lexically_relative(skill.folder).string();
  } else {
    path += ".py";
  }
  files.emplace(std::move(path), skill.function->python);
  return files;
}

Result<std::set<std::string>> ask(const std::string& python, const std::set<std::string>& names) {
  const ChildSpec spec{.program = python,
                       .argv = {python, "-I", "-c", kAsk},
                       .environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"},
                       .working_folder = "/"};
  const RunLimits limits{.timeout = limits::kImportCheckTimeout,
                         .kill_grace = std::chrono::milliseconds(0),
                         .drain_grace = limits::kPipeDrainGrace,
                         .stdout_bytes_max = limits::kOutputBytesMax,
                         .stderr_bytes_max = limits::kStderrTailBytes,
                         .flood_bytes_max = limits::kOutputBytesMax};
  const auto outcome =
      run_supervised(spec, Json(names).dump(-1, ' ', true, Json::error_handler_t::replace), limits, -1);
  if (!outcome) return outcome.error();
  const Json answer = Json::parse(outcome.value().out.bytes, nullptr, false);
  if (!outcome.value().exit.success() || !answer.is_array()) {
    return Error{ErrorCode::io_error, python + " could not be asked for modules"};
  }
  std::set<std::string> missing;
  for (const Json& name : answer) {
    if (name.is_string()) missing.insert(name.get<std::string>());
  }
  return missing;
}

}  // namespace

std::vector<std::string> imports_in(std::string_view source) {
  std::set<std::string> names;
  TripleQuotes quotes;
  while (!source.empty() && names.size() < limits::kImportsMax) {
    const std::size_t end = source.find('\n');
    const std::string_view line = source.substr(0, end);
    if (!quotes.pass(line)) take_import(line, names);
    source.remove_prefix(end == std::string_view::npos ? source.size() : end + 1);
  }
  names.erase("");
  names.erase("__future__");
  return {names.begin(), names.end()};
}

Result<std::map<std::string, std::vector<std::string>>> missing_modules(const Skill& skill) {
  std::map<std::string, std::vector<std::string>> imports;   // By file.
  std::map<std::string, std::set<std::string>> asked_about;  // By interpreter.
  const auto files = python_files(skill);
  for (const auto& [path, python] : files) {
    const fs::path file = skill.folder / path;
    const auto source = read_file_prefix(file, limits::kSourceBytesMax);
    if (!source) continue;
    for (std::string& name : imports_in(source.value())) {
      if (is_own_module(skill, file, name) || asked_about[python].size() >= limits::kImportsMax) continue;
      asked_about[python].insert(name);
      imports[path].push_back(std::move(name));
    }
  }
  std::map<std::string, std::set<std::string>> absent;
  for (const auto& [python, names] : asked_about) {
    auto answer = ask(python, names);
    if (!answer) return std::move(answer).error();
    absent[python] = std::move(*answer);
  }
  std::map<std::string, std::vector<std::string>> missing;
  for (const auto& [path, names] : imports) {
    const auto& gone = absent[files.at(path)];
    std::vector<std::string> of_file;
    std::copy_if(names.begin(), names.end(), std::back_inserter(of_file),
                 [&](const std::string& name) { return gone.contains(name); });
    if (!of_file.empty()) missing.emplace(path, std::move(of_file));
  }
  return missing;
}

}  // namespace skillscale
