// What --help prints: one paragraph per setting, under the headings of Config::group.
#include <algorithm>

#include "daemon/config_setting.h"

namespace skillscale {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::string_view kIndent = "        ";

// Breaks at spaces; line breaks of the text stay.
std::string wrapped(std::string_view text, std::string_view indent) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    if (column > 0 && column + 1 + end > kColumns) {
      out += '\n';
      column = 0;
    }
    out += column == 0 ? indent : " ";
    out += text.substr(0, end);
    column += (column == 0 ? indent.size() : 1) + end;
    if (end < text.size() && text[end] == '\n') {
      out += '\n';
      column = 0;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\n";
}

std::string paragraph(const std::string& flag, const std::string& help, const std::string& facts) {
  return "  " + flag + "\n" + wrapped(help, kIndent) + (facts.empty() ? "" : wrapped(facts, kIndent));
}

}  // namespace

std::string Config::help() const {
  const auto of_setting = [](const Setting& setting) {
    const bool is_flag = setting.kind == Setting::Kind::flag;
    std::string facts = setting.allowed.empty() ? "" : "Allowed: " + setting.allowed + ".\n";
    facts += "Default: " + setting.default_text + ". File: " + setting.name + ".";
    if (!setting.env.empty()) facts += " Environment: " + setting.env + ".";
    return paragraph("--" + setting.name + (is_flag ? "" : " " + setting.placeholder), setting.help, facts);
  };
  std::string text = program_ + " " + std::string(version()) + "\n" + wrapped(description_, "");
  text += "\nUsage: " + program_ + " [options]\n";
  std::vector<std::string> printed;
  for (const Setting& first : settings_) {
    if (std::find(printed.begin(), printed.end(), first.group) != printed.end()) continue;
    printed.push_back(first.group);
    text += "\n" + first.group + ":\n";
    for (const Setting& setting : settings_) {
      if (setting.group == first.group) text += of_setting(setting);
    }
  }
  text += "\nGeneral:\n";
  text += paragraph("--config FILE", "A YAML file of `key: value` lines; the keys are named above.",
                    "Default: none. Environment: SKILLSCALE_CONFIG.");
  text += paragraph("-h, --help", "Print this help and exit.", "");
  text += paragraph("--version", "Print the version and exit.", "");
  text += "\n" + wrapped(
                     "Later ones override earlier ones: defaults, the file, the environment, flags. A variable "
                     "that is set but empty counts as not set.",
                     "");
  if (!footer_.empty()) text += "\n" + footer_ + (footer_.ends_with('\n') ? "" : "\n");
  return text;
}

}  // namespace skillscale
