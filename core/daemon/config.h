// Settings of a daemon or command: defaults < YAML file < environment < flags.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
// Every level is checked, also where a higher one overrides it. Every refusal is
// an Error invalid_config that names the source (file and line, variable or
// flag), the key, the value and what is allowed; what the bound variables then
// hold is unspecified. For the thread that starts the program, before others.
class Config {
 public:
  // Says what is allowed, as the detail of its Error, when a text is not.
  using Check = std::function<Result<void>(std::string_view)>;

  Config(std::string program, std::string description);
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  ~Config();

  // The heading that the settings added after it have in --help.
  void group(std::string title);

  void add_text(std::string name, std::string env, std::string& value, std::string help, Check check = {});
  // Flag repeated, or comma-separated; in the file also a YAML list. A level
  // replaces the whole list of the level below. `check` sees each element.
  void add_list(std::string name, std::string env, std::vector<std::string>& values, std::string help,
                Check check = {});
  void add_integer(std::string name, std::string env, std::int64_t& value, std::int64_t least, std::int64_t most,
                   std::string help);
  void add_milliseconds(std::string name, std::string env, std::chrono::milliseconds& value,
                        std::chrono::milliseconds least, std::chrono::milliseconds most, std::string help);
  void add_switch(std::string name, std::string env, bool& value, std::string help);  // `--name` or `--name=false`.
  void add_choice(std::string name, std::string env, std::string& value, std::vector<std::string> choices,
                  std::string help);
  // Text printed after the options by --help: examples, exit statuses.
  void set_footer(std::string text);

  struct Finished {
    bool exit_now = false;  // --help or --version was asked for and `output` is to be printed.
    std::string output;
  };
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;
  // Also understands --config FILE (SKILLSCALE_CONFIG), --help and --version.
  // A variable that is set but empty counts as not set.
  Result<Finished> load(int argc, const char* const* argv, const Environment& environment);
  Result<Finished> load(int argc, const char* const* argv);  // With the process's environment.

  // One line per setting: "name = value (source)". Printed at start at debug level.
  std::vector<std::string> effective() const;

 private:
  struct Setting;
  struct CommandLine;
  using Values = std::vector<std::string>;

  void add(Setting setting);
  Setting* find(std::string_view name);
  Result<CommandLine> parse_flags(int argc, const char* const* argv) const;
  Result<void> find_file(const CommandLine& flags, const Environment& environment);
  Result<void> load_file();
  Result<void> load_environment(const Environment& environment);
  Result<void> load_flags(const CommandLine& flags);
  Result<void> apply(Setting& setting, const Values& values, const std::string& source, const std::string& key);
  std::string help() const;
  std::string advice(std::string_view name, std::string_view prefix) const;  // For a name that is unknown.

  const std::string program_;
  const std::string description_;
  std::string footer_;
  std::string group_ = "Settings";
  std::vector<Setting> settings_;
  std::string config_path_;
  std::string config_path_source_;
};

// The settings that every daemon has; add_common_settings declares them:
// --log-level (SKILLSCALE_LOG_LEVEL), --log-format text|json (SKILLSCALE_LOG_FORMAT).
struct CommonSettings {
  std::string log_level = "info";
  std::string log_format = "text";
};
void add_common_settings(Config& config, CommonSettings& settings);

// Starts the log (logging.h) as the settings say. Once per process, after load.
void start_log(std::string_view program, const CommonSettings& settings);

// What --version prints after the program's name, e.g. "0.1.0".
std::string_view version() noexcept;

}  // namespace skillscale
