#include "daemon/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "daemon/config_file.h"
#include "daemon/config_setting.h"
#include "daemon/logging.h"

namespace skillscale {

// What the flags say, not yet checked against the settings.
struct Config::CommandLine {
  bool help = false;
  bool version = false;
  std::map<std::string, Values> values{};  // By the setting's name.
};

namespace {

constexpr std::string_view kConfigName = "config";
constexpr const char* kConfigEnv = "SKILLSCALE_CONFIG";
// What a message shows of a value that somebody gave.
constexpr std::size_t kShownBytesMax = 80;

Error invalid(std::string detail) { return {ErrorCode::invalid_config, std::move(detail)}; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// A value as it stands in a message: short, on one line, quoted unless it is a plain word.
std::string shown(std::string_view value) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@%+-*";
  const std::string_view part = utf8_prefix(value, kShownBytesMax);
  if (!value.empty() && part.size() == value.size() && value.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(value);
  }
  std::string text = to_valid_utf8(part);
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return "\"" + text + (part.size() < value.size() ? "..." : "") + "\"";
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

// Digits only, in decimal: 0x10 is no number, and 010 is refused because YAML's
// readers do not agree whether it is 8 or 10.
std::optional<std::int64_t> parse_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::vector<std::string> split_at_commas(const std::vector<std::string>& values) {
  std::vector<std::string> parts;
  for (const std::string& value : values) {
    std::size_t begin = 0;
    for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
      end = value.find(',', begin);
      parts.push_back(value.substr(begin, end - begin));
    }
  }
  return parts;
}

std::optional<Refusal> refuse_text(const std::string& value, const Config::Check& check) {
  if (std::any_of(value.begin(), value.end(), is_control)) return Refusal{value, "text without control characters"};
  if (!check) return std::nullopt;
  const auto checked = check(value);
  if (checked) return std::nullopt;
  return Refusal{value, checked.error().detail};
}

// How many characters must be changed, added or removed to get from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string with_hyphens(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

}  // namespace

Config::Config(std::string program, std::string description)
    : program_(std::move(program)), description_(std::move(description)) {}

Config::~Config() = default;

void Config::group(std::string title) { group_ = std::move(title); }

void Config::set_footer(std::string text) { footer_ = std::move(text); }

void Config::add(Setting setting) {
  SK_CHECK(find(setting.name) == nullptr);
  SK_CHECK(setting.name != kConfigName && setting.name != "help" && setting.name != "version");
  setting.group = group_;
  const std::string text = setting.show();
  setting.default_text = text.empty() ? "none" : text;
  settings_.push_back(std::move(setting));
}

Config::Setting* Config::find(std::string_view name) {
  const auto found =
      std::find_if(settings_.begin(), settings_.end(), [&](const Setting& setting) { return setting.name == name; });
  return found == settings_.end() ? nullptr : &*found;
}

void Config::add_text(std::string name, std::string env, std::string& value, std::string help, Check check) {
  Setting setting{.name = std::move(name), .env = std::move(env), .help = std::move(help), .placeholder = "TEXT"};
  setting.assign = [&value, check = std::move(check)](const Values& values) {
    auto refused = refuse_text(values.front(), check);
    if (!refused) value = values.front();
    return refused;
  };
  setting.show = [&value] { return value; };
  add(std::move(setting));
}

void Config::add_list(std::string name, std::string env, std::vector<std::string>& values, std::string help,
                      Check check) {
  Setting setting{.name = std::move(name),
                  .env = std::move(env),
                  .help = std::move(help),
                  .placeholder = "TEXT[,TEXT...]",
                  .allowed = "one or more, separated by commas or the flag repeated",
                  .kind = Setting::Kind::list};
  setting.assign = [&values, check = std::move(check)](const Values& given) -> std::optional<Refusal> {
    const Values parts = split_at_commas(given);
    for (const std::string& part : parts) {
      if (part.empty()) return Refusal{joined(given, ","), "values separated by single commas"};
      if (auto refused = refuse_text(part, check)) return refused;
    }
    values = parts;
    return std::nullopt;
  };
  setting.show = [&values] { return joined(values, ","); };
  add(std::move(setting));
}

void Config::add_integer(std::string name, std::string env, std::int64_t& value, std::int64_t least, std::int64_t most,
                         std::string help) {
  Setting setting{.name = std::move(name), .env = std::move(env), .help = std::move(help), .placeholder = "INTEGER"};
  setting.allowed = "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  setting.assign = [&value, least, most, allowed = setting.allowed](const Values& values) -> std::optional<Refusal> {
    const auto parsed = parse_integer(values.front());
    if (!parsed || *parsed < least || *parsed > most) return Refusal{values.front(), allowed};
    value = *parsed;
    return std::nullopt;
  };
  setting.show = [&value] { return std::to_string(value); };
  add(std::move(setting));
}

void Config::add_milliseconds(std::string name, std::string env, std::chrono::milliseconds& value,
                              std::chrono::milliseconds least, std::chrono::milliseconds most, std::string help) {
  Setting setting{.name = std::move(name), .env = std::move(env), .help = std::move(help), .placeholder = "MS"};
  setting.allowed =
      "milliseconds, an integer from " + std::to_string(least.count()) + " to " + std::to_string(most.count());
  setting.assign = [&value, least, most, allowed = setting.allowed](const Values& values) -> std::optional<Refusal> {
    const auto parsed = parse_integer(values.front());
    if (!parsed || *parsed < least.count() || *parsed > most.count()) return Refusal{values.front(), allowed};
    value = std::chrono::milliseconds(*parsed);
    return std::nullopt;
  };
  setting.show = [&value] { return std::to_string(value.count()); };
  add(std::move(setting));
}

void Config::add_switch(std::string name, std::string env, bool& value, std::string help) {
  Setting setting{.name = std::move(name),
                  .env = std::move(env),
                  .help = std::move(help),
                  .placeholder = "",
                  .allowed = "true, false, yes, no, on, off, 1 or 0 (the flag alone means true)",
                  .kind = Setting::Kind::flag};
  setting.assign = [&value](const Values& values) -> std::optional<Refusal> {
    const auto parsed = parse_bool(values.front());
    if (!parsed) return Refusal{values.front(), "true, false, yes, no, on, off, 1 or 0"};
    value = *parsed;
    return std::nullopt;
  };
  setting.show = [&value] { return std::string(value ? "true" : "false"); };
  add(std::move(setting));
}

void Config::add_choice(std::string name, std::string env, std::string& value, std::vector<std::string> choices,
                        std::string help) {
  const std::string allowed = "one of " + joined(choices, ", ");
  Setting setting{.name = std::move(name),
                  .env = std::move(env),
                  .help = std::move(help),
                  .placeholder = joined(choices, "|"),
                  .allowed = allowed};
  setting.assign = [&value, allowed, choices = std::move(choices)](const Values& values) -> std::optional<Refusal> {
    if (std::find(choices.begin(), choices.end(), values.front()) == choices.end()) {
      return Refusal{values.front(), allowed};
    }
    value = values.front();
    return std::nullopt;
  };
  setting.show = [&value] { return value; };
  add(std::move(setting));
}

Result<Config::Finished> Config::load(int argc, const char* const* argv) {
  return load(argc, argv, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

Result<Config::Finished> Config::load(int argc, const char* const* argv, const Environment& environment) {
  const auto flags = parse_flags(argc, argv);
  if (!flags) return flags.error();
  if (flags->help) return Finished{.exit_now = true, .output = help()};
  if (flags->version) {
    return Finished{.exit_now = true, .output = program_ + " " + std::string(skillscale::version()) + "\n"};
  }
  if (const auto found = find_file(*flags, environment); !found) return found.error();
  if (const auto loaded = load_file(); !loaded) return loaded.error();
  if (const auto loaded = load_environment(environment); !loaded) return loaded.error();
  if (const auto loaded = load_flags(*flags); !loaded) return loaded.error();
  return Finished{};
}

// CLI11 only splits the command line. Its own checks are not used, because their
// messages say neither what is allowed nor where a value came from.
Result<Config::CommandLine> Config::parse_flags(int argc, const char* const* argv) const try {
  CLI::App app(description_, program_);
  app.allow_extras();
  app.set_version_flag("--version", std::string(skillscale::version()));
  std::map<std::string, CLI::Option*> options;
  const auto take_every_value = [](CLI::Option* option) {
    return option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
  };
  options[std::string(kConfigName)] = take_every_value(app.add_option("--config"));
  for (const Setting& setting : settings_) {
    const std::string flag = "--" + setting.name;
    options[setting.name] =
        take_every_value(setting.kind == Setting::Kind::flag ? app.add_flag(flag) : app.add_option(flag));
  }
  app.parse(argc, argv);
  if (const auto extras = app.remaining(); !extras.empty()) {
    const std::string& extra = extras.front();
    if (!extra.starts_with('-')) return invalid(shown(extra) + ": unexpected argument; see " + program_ + " --help");
    return invalid(shown(extra) + ": unknown flag; " + advice(extra.substr(0, extra.find('=')), "--"));
  }
  CommandLine flags;
  for (const auto& [name, option] : options) {
    if (option->count() == 0) continue;
    const Values& values = flags.values[name] = option->results();
    // No value begins like a flag; what does is the next flag.
    const auto is_flag = [](const std::string& value) { return value.starts_with("--"); };
    if (std::any_of(values.begin(), values.end(), is_flag)) return invalid("--" + name + ": a value is missing");
  }
  return flags;
} catch (const CLI::CallForHelp&) {
  return CommandLine{.help = true};
} catch (const CLI::CallForVersion&) {
  return CommandLine{.version = true};
} catch (const CLI::ArgumentMismatch& error) {
  // The only mismatch left is a missing value; the message begins with the flag.
  const std::string what = error.what();
  return invalid(what.substr(0, what.find(':')) + ": a value is missing");
} catch (const CLI::Error& error) {
  return invalid(error.what());
}

Result<void> Config::find_file(const CommandLine& flags, const Environment& environment) {
  const auto given = flags.values.find(std::string(kConfigName));
  if (given == flags.values.end()) {
    config_path_ = environment(kConfigEnv).value_or("");
    config_path_source_ = kConfigEnv;
    return {};
  }
  if (given->second.size() > 1) return invalid("--config: given more than once");
  config_path_ = given->second.front();
  config_path_source_ = "--config";
  return config_path_.empty() ? invalid("--config: \"\" is not allowed: the path of a YAML file") : Result<void>();
}

Result<void> Config::load_file() {
  if (config_path_.empty()) return {};
  const auto text = read_config_file(config_path_);
  if (!text) return invalid(config_path_source_ + ": " + text.error().detail);
  const auto entries = parse_config_file(*text, config_path_);
  if (!entries) return entries.error();
  std::map<std::string, int> lines;  // Where each setting stood first.
  for (const FileEntry& entry : *entries) {
    const std::string source = config_path_ + ":" + std::to_string(entry.line);
    const std::string name = with_hyphens(entry.key);
    Setting* setting = find(name);
    if (setting == nullptr) return invalid(source + ": " + shown(entry.key) + ": unknown key; " + advice(name, ""));
    const auto [first, is_new] = lines.emplace(name, entry.line);
    if (!is_new) {
      return invalid(source + ": " + name + ": given twice, first in line " + std::to_string(first->second));
    }
    if (entry.values.empty() && !entry.is_list) {
      return invalid(source + ": " + name + ": there is no value; leave the key out to keep the default");
    }
    if (entry.is_list && (setting->kind != Setting::Kind::list || entry.values.empty())) {
      return invalid(source + ": " + name + ": " + (entry.values.empty() ? "an empty list" : "a list") +
                     " is not allowed: " + (setting->allowed.empty() ? "text" : setting->allowed));
    }
    if (const auto applied = apply(*setting, entry.values, source, name + ": "); !applied) return applied;
  }
  return {};
}

Result<void> Config::load_environment(const Environment& environment) {
  for (Setting& setting : settings_) {
    if (setting.env.empty()) continue;
    const auto value = environment(setting.env);
    if (!value || value->empty()) continue;
    if (const auto applied = apply(setting, {*value}, setting.env, setting.name + ": "); !applied) return applied;
  }
  return {};
}

Result<void> Config::load_flags(const CommandLine& flags) {
  for (Setting& setting : settings_) {
    const auto given = flags.values.find(setting.name);
    if (given == flags.values.end()) continue;
    const std::string source = "--" + setting.name;
    if (given->second.size() > 1 && setting.kind != Setting::Kind::list) {
      return invalid(source + ": given more than once");
    }
    if (const auto applied = apply(setting, given->second, source, ""); !applied) return applied;
  }
  return {};
}

Result<void> Config::apply(Setting& setting, const Values& values, const std::string& source, const std::string& key) {
  if (const auto refused = setting.assign(values)) {
    return invalid(source + ": " + key + shown(refused->value) + " is not allowed: " + refused->allowed);
  }
  setting.source = source;
  return {};
}

std::string Config::advice(std::string_view name, std::string_view prefix) const {
  name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
  std::string nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const Setting& setting : settings_) {
    if (name.size() > kShownBytesMax) break;
    const std::size_t distance = edit_distance(name, setting.name);
    if (distance >= least) continue;
    least = distance;
    nearest = setting.name;
  }
  if (nearest.empty()) return "see " + program_ + " --help";
  return "did you mean " + std::string(prefix) + nearest + "?";
}

std::vector<std::string> Config::effective() const {
  std::vector<std::string> lines;
  if (!config_path_.empty()) lines.push_back("config = " + config_path_ + " (" + config_path_source_ + ")");
  for (const Setting& setting : settings_) {
    lines.push_back(setting.name + " = " + setting.show() + " (" + setting.source + ")");
  }
  return lines;
}

void add_common_settings(Config& config, CommonSettings& settings) {
  config.group("Log");
  config.add_choice("log-level", "SKILLSCALE_LOG_LEVEL", settings.log_level, {"debug", "info", "warn", "error"},
                    "The least important lines that are written to stderr.");
  config.add_choice("log-format", "SKILLSCALE_LOG_FORMAT", settings.log_format, {"text", "json"},
                    "Lines for people, or one JSON object per line for machines.");
}

void start_log(std::string_view program, const CommonSettings& settings) {
  const log::Level level = settings.log_level == "debug"   ? log::Level::debug
                           : settings.log_level == "warn"  ? log::Level::warn
                           : settings.log_level == "error" ? log::Level::error
                                                           : log::Level::info;
  log::start(program, level, settings.log_format == "json" ? log::Format::json : log::Format::text);
}

}  // namespace skillscale
