#include "skills/python_command.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace skillscale {
namespace {

// -O, -S, -W, -X and -b change what has long happened in a zygote.
constexpr std::string_view kKnownFlags = "BEIPsu";
// Read by the zygote's child as Python would have read them.
constexpr std::array<std::string_view, 3> kKnownVariables{"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONUNBUFFERED"};
// Read by the loader, libc or a library when the process starts.
constexpr std::array<std::string_view, 6> kStartVariables{"PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OPENSSL_"};

Error needs_start(std::string why) { return {ErrorCode::not_allowed, std::move(why)}; }

bool holds_zero(const std::string& text) { return text.find('\0') != std::string::npos; }

Result<void> check_variable(const std::string& variable) {
  const std::string_view name = std::string_view(variable).substr(0, variable.find('='));
  if (holds_zero(variable) || name.empty() || name.size() == variable.size()) {
    return needs_start("an environment variable is malformed");
  }
  if (variable == kZygoteLocale || name == "LANGUAGE") return {};
  if (std::find(kKnownVariables.begin(), kKnownVariables.end(), name) != kKnownVariables.end()) return {};
  const bool at_start = name == "GLIBC_TUNABLES" || std::any_of(kStartVariables.begin(), kStartVariables.end(),
                                                                [&](auto prefix) { return name.starts_with(prefix); });
  if (!at_start) return {};
  return needs_start("the environment variable " + std::string(name) + " is read when the interpreter starts");
}

Result<void> check_spec(const ChildSpec& spec) {
  const bool hollow = holds_zero(spec.program) || holds_zero(spec.working_folder) ||
                      std::any_of(spec.argv.begin(), spec.argv.end(), holds_zero);
  if (hollow) return needs_start("an argument holds a zero byte");
  if (spec.leash != nullptr && spec.leash->strategy == KillStrategy::shim) {
    return needs_start("the shim that holds the run together has to be started above it");
  }
  bool locale = false;
  for (const std::string& variable : spec.environment) {
    if (auto checked = check_variable(variable); !checked) return std::move(checked).error();
    locale = locale || variable == kZygoteLocale;
  }
  if (!locale) return needs_start(std::string("the environment has no ") + kZygoteLocale);
  return {};
}

}  // namespace

Result<PythonCommand> to_python_command(const ChildSpec& spec) {
  if (auto checked = check_spec(spec); !checked) return std::move(checked).error();
  PythonCommand command;
  std::size_t at = 1;
  for (; at < spec.argv.size(); ++at) {
    const std::string& word = spec.argv[at];
    if (word == "-m" || word == "-c") {
      command.kind = word == "-m" ? PythonCommand::Kind::module : PythonCommand::Kind::code;
      ++at;
      break;
    }
    if (word.empty() || word.front() != '-') break;
    const std::string_view letters = std::string_view(word).substr(1);
    if (letters.empty() || letters.find_first_not_of(kKnownFlags) != std::string_view::npos) {
      return needs_start("the flag " + word + " needs an interpreter of its own");
    }
    command.flags += letters;
  }
  if (at >= spec.argv.size()) return needs_start("the interpreter is started without a script");
  command.target = spec.argv[at];
  if (command.kind == PythonCommand::Kind::script && !command.target.ends_with(".py")) {
    // A folder or an archive with a __main__.py looks the same.
    return needs_start("the script's name does not end in .py");
  }
  command.arguments.assign(spec.argv.begin() + static_cast<std::ptrdiff_t>(at) + 1, spec.argv.end());
  return command;
}

}  // namespace skillscale
