#include "skills/interpreter.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "skills/file_text.h"
#include "skills/problem.h"

namespace skillscale {
namespace {

bool is_executable_file(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

bool is_script(const std::string& path) {
  const auto start = read_file_prefix(path, 2);
  return start && *start == "#!";
}

// The names under which `name` may be installed, itself first.
std::vector<std::string> with_stand_in(const std::string& name) {
  if (name == "python") return {name, "python3"};
  if (name == "python3") return {name, "python"};
  return {name};
}

std::vector<std::string> split_words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<std::string> words;
  for (std::size_t start = text.find_first_not_of(kBlanks); start != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, start), text.size());
    words.emplace_back(text.substr(start, end - start));
    start = text.find_first_not_of(kBlanks, end);
  }
  return words;
}

// What a `#!` line asks for.
struct Shebang {
  std::string program;
  std::vector<std::string> arguments;
  bool searched = false;         // By name, through env(1).
  bool carriage_return = false;  // The line ended in CR LF.
};

// Nothing when the file does not begin with `#!`.
Result<std::optional<Shebang>> read_shebang(const std::filesystem::path& script) {
  auto start = read_file_prefix(script, limits::kShebangBytesMax);
  if (!start) return start.error();
  std::string_view line(*start);
  if (!line.starts_with("#!")) return std::optional<Shebang>();
  if (line.find('\n') == std::string_view::npos && line.size() == limits::kShebangBytesMax) {
    return Error{ErrorCode::invalid_config, "the #! line is too long"};
  }
  line = line.substr(2, line.find('\n') - 2);
  Shebang shebang;
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
    shebang.carriage_return = true;
  }
  std::vector<std::string> words = split_words(line);
  if (words.empty()) return Error{ErrorCode::invalid_config, "the #! line names no program"};
  const bool through_env = std::filesystem::path(words[0]).filename() == "env";
  const std::size_t first = !through_env ? 0 : words.size() > 1 && words[1] == "-S" ? 2 : 1;
  if (first >= words.size()) return Error{ErrorCode::invalid_config, "the #! line names no program"};
  shebang.program = words[first];
  shebang.searched = through_env;
  shebang.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(first) + 1, words.end());
  return std::optional<Shebang>(std::move(shebang));
}

Result<Interpreter> find_by_shebang(const Shebang& shebang, const Interpreters& interpreters) {
  if (shebang.searched) {
    if (shebang.program.find_first_of("/=-") == 0 || shebang.program.find('=') != std::string::npos) {
      return Error{ErrorCode::invalid_config, "the #! line uses env in a way that is not supported"};
    }
    return interpreters.find(shebang.program);
  }
  if (!shebang.program.starts_with('/')) {
    return Error{ErrorCode::invalid_config,
                 "the #! line must give an absolute path, not " + in_quotes(shebang.program)};
  }
  if (!is_executable_file(shebang.program)) {
    return Error{ErrorCode::invalid_config, "there is no interpreter " + shebang.program};
  }
  return Interpreter{shebang.program, {}};
}

struct ScriptExtension {
  std::string_view extension;
  const char* interpreter;
};

constexpr std::array<ScriptExtension, 11> kExtensions = {{{".sh", "sh"},
                                                          {".bash", "bash"},
                                                          {".zsh", "zsh"},
                                                          {".py", "python3"},
                                                          {".js", "node"},
                                                          {".mjs", "node"},
                                                          {".cjs", "node"},
                                                          {".pl", "perl"},
                                                          {".rb", "ruby"},
                                                          {".php", "php"},
                                                          {".lua", "lua"}}};

const char* interpreter_of_extension(const std::filesystem::path& script) {
  const std::string extension = script.extension().string();
  const auto* found = std::find_if(kExtensions.begin(), kExtensions.end(),
                                   [&](const ScriptExtension& known) { return known.extension == extension; });
  return found == kExtensions.end() ? nullptr : found->interpreter;
}

Result<Interpreter> find_by_extension(const std::filesystem::path& script, const Interpreters& interpreters) {
  const char* name = interpreter_of_extension(script);
  if (name == nullptr) {
    return Error{ErrorCode::invalid_config,
                 "no #! line, and no interpreter for the extension " + in_quotes(script.extension().string())};
  }
  if (std::string_view(name) == "sh") return Interpreter{"/bin/sh", {}};
  return interpreters.find(name);
}

bool is_compiled_program(const std::filesystem::path& file) {
  const auto start = read_file_prefix(file, 4);
  return start &&
         *start ==
             "\x7f"
             "ELF" &&
         is_executable_file(file.string());
}

}  // namespace

Result<Interpreters> Interpreters::create(const std::vector<std::string>& assignments, std::string_view search_path) {
  Interpreters result;
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::invalid_config,
                   "interpreter " + in_quotes(assignment) + " is not of the form name=/path"};
    }
    const std::string path = assignment.substr(equals + 1);
    if (!path.starts_with('/') || !is_executable_file(path)) {
      return Error{ErrorCode::invalid_config,
                   "interpreter " + in_quotes(assignment) + ": the path must be absolute and name a program"};
    }
    result.assigned_[assignment.substr(0, equals)] = path;
  }
  while (!search_path.empty()) {
    const std::string_view folder = search_path.substr(0, search_path.find(':'));
    search_path.remove_prefix(std::min(folder.size() + 1, search_path.size()));
    // A relative entry would mean another program in each working folder.
    if (folder.starts_with('/')) result.folders_.emplace_back(folder);
  }
  return result;
}

Result<Interpreter> Interpreters::find(const std::string& name) const {
  const std::vector<std::string> names = with_stand_in(name);
  for (const std::string& candidate : names) {
    const auto found = assigned_.find(candidate);
    if (found != assigned_.end()) return Interpreter{found->second, {}};
  }
  std::string first_script;
  for (const std::string& candidate : names) {
    for (const std::string& folder : folders_) {
      const std::string path = folder + '/' + candidate;
      if (!is_executable_file(path)) continue;
      if (!is_script(path)) return Interpreter{path, {}};
      if (first_script.empty()) first_script = path;
    }
  }
  if (!first_script.empty()) {
    return Interpreter{first_script, first_script +
                                         " is itself a script (a version manager's?), which costs time at "
                                         "every run; give the interpreter itself"};
  }
  return Error{ErrorCode::invalid_config, "there is no interpreter " + in_quotes(name) + " in the search path"};
}

Result<Resolved> resolve_script(const std::filesystem::path& script, const Interpreters& interpreters) {
  if (is_compiled_program(script)) return Resolved{{script.string(), {script.string()}}, {}};
  const auto shebang = read_shebang(script);
  if (!shebang) return shebang.error();
  auto interpreter = *shebang ? find_by_shebang(**shebang, interpreters) : find_by_extension(script, interpreters);
  if (!interpreter) return std::move(interpreter).error();

  Resolved resolved;
  resolved.run.program = interpreter->path;
  resolved.run.argv.push_back(interpreter->path);
  if (*shebang) {
    const auto& arguments = (*shebang)->arguments;
    resolved.run.argv.insert(resolved.run.argv.end(), arguments.begin(), arguments.end());
  }
  resolved.run.argv.push_back(script.string());
  resolved.warning = std::move(interpreter->warning);
  if (*shebang && (*shebang)->carriage_return) resolved.warning = "the #! line ends in CR LF; save the file with LF";
  return resolved;
}

bool has_script_extension(const std::filesystem::path& file) { return interpreter_of_extension(file) != nullptr; }

}  // namespace skillscale
