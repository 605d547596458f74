// Settings of a daemon or command: defaults < YAML file < environment < flags.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace skillscale {

// Declares the settings of one program, then loads them in the order of
// precedence. Every setting `name` (lower case, words joined by `-`) is the flag
// `--name`, the YAML key `name` (also with `_`) and, if it has one, the
// environment variable `env`. The variables that are bound keep their initial
// values as defaults and must outlive the object.
//
// Every refusal is an Error invalid_config that names the source (file and line, variable
// or flag), the key, the value and what is allowed. Unknown keys of the file are refused.
class Config {
 public:
  Config(std::string program, std::string description);

  void add_text(std::string name, std::string env, std::string& value, std::string help);
  // Checked by `check`, whose Error detail says what is allowed.
  void add_text(std::string name, std::string env, std::string& value, std::string help,
                std::function<Result<void>(std::string_view)> check);
  void add_list(std::string name, std::string env, std::vector<std::string>& values, std::string help,
                std::function<Result<void>(std::string_view)> check = {});  // Flag repeated, or comma-separated.
  void add_integer(std::string name, std::string env, std::int64_t& value, std::int64_t least, std::int64_t most,
                   std::string help);
  void add_milliseconds(std::string name, std::string env, std::chrono::milliseconds& value,
                        std::chrono::milliseconds least, std::chrono::milliseconds most, std::string help);
  void add_switch(std::string name, std::string env, bool& value, std::string help);
  void add_choice(std::string name, std::string env, std::string& value, std::vector<std::string> choices,
                  std::string help);
  // Text printed after the options by --help: examples, exit statuses.
  void set_footer(std::string text);

  struct Finished {
    bool exit_now = false;  // --help or --version was asked for and `output` is to be printed.
    std::string output;
  };
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;
  // Also understands --config FILE, --help and --version.
  Result<Finished> load(int argc, const char* const* argv, const Environment& environment);
  Result<Finished> load(int argc, const char* const* argv);  // With the process's environment.

  // One line per setting: "name = value (source)". Printed at start at debug level.
  std::vector<std::string> effective() const;

 private:
  struct Setting;
  std::string program_;
  std::string description_;
  std::string footer_;
  std::vector<Setting> settings_;

 public:
  ~Config();
};

// The settings that every daemon has; add_common_settings declares them:
// --log-level (SKILLSCALE_LOG_LEVEL), --log-format text|json (SKILLSCALE_LOG_FORMAT).
struct CommonSettings {
  std::string log_level = "info";
  std::string log_format = "text";
};
void add_common_settings(Config& config, CommonSettings& settings);

// What --version prints after the program's name, e.g. "0.1.0".
std::string_view version();

}  // namespace skillscale
