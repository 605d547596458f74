// From a skill's script to the program that runs it, once, when the skill is loaded.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "skills/skill.h"

namespace skillscale {

struct Interpreter {
  std::string path;     // Absolute.
  std::string warning;  // Empty, or why this choice costs time.
};

// Where the interpreters are. A value; thread-safe once made.
class Interpreters {
 public:
  // `assignments` are the operator's choices, "name=/absolute/path" each
  // ("python3=/usr/bin/python3"); all other names are looked for in `search_path`
  // (as PATH). Error invalid_config for an assignment that is malformed or
  // names nothing executable.
  static Result<Interpreters> create(const std::vector<std::string>& assignments, std::string_view search_path);

  // The operator's choice, else the first program of that name in the search path
  // that is not itself a script: the shims of version managers (pyenv, asdf) are
  // scripts, and cost 100 ms at every start. With nothing but scripts the first of
  // them is taken, with a warning. `python` and `python3` stand in for each other.
  // The detail of the error says where was looked.
  Result<Interpreter> find(const std::string& name) const;

 private:
  std::map<std::string, std::string> assigned_;
  std::vector<std::string> folders_;
};

struct Resolved {
  Runnable run;
  std::string warning;  // Empty, or what is odd but works.
};

// What to start for `script` (absolute path): the interpreter of its `#!` line, where
// `#!/usr/bin/env NAME` is resolved through `interpreters`; without such a line
// by extension: .sh is /bin/sh, .py is python3, .js is node and so on. A compiled program
// with execute permission is started itself.
Result<Resolved> resolve_script(const std::filesystem::path& script, const Interpreters& interpreters);

// True when the extension alone says which interpreter runs the file.
bool has_script_extension(const std::filesystem::path& file);

}  // namespace skillscale
