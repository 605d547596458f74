// What Config keeps of one setting. Only for the .cpp files of Config.
#pragma once

#include "daemon/config.h"

namespace skillscale {

// A value that was refused, and what would have been taken.
struct Refusal {
  std::string value;
  std::string allowed;
};

struct Config::Setting {
  enum class Kind { one_value, list, flag };

  std::string name{};
  std::string env{};  // Empty: none.
  std::string help{};
  std::string placeholder{};  // What stands for the value in --help.
  std::string allowed{};      // For --help; empty: any text.
  Kind kind = Kind::one_value;
  std::function<std::optional<Refusal>(const Values&)> assign{};
  std::function<std::string()> show{};
  std::string default_text{};
  std::string source = "default";
  std::string group{};
};

}  // namespace skillscale
