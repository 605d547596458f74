// The names of an archive's entries: what they may be, and that no two mean one file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace skillscale {

class EntryNames {
 public:
  enum class Kind : std::uint8_t { file, folder };

  // Error not_allowed when the name is malformed, was there before, or differs only in case or in
  // its Unicode form from one that was: on some file systems those are one file.
  Result<void> add(const std::string& path, Kind kind);

 private:
  struct Known {
    std::string path;
    Kind kind;
  };
  Result<void> add_one(const std::string& path, Kind kind);

  std::map<std::string, Known> known_;  // By the form in which names are compared.
};

}  // namespace skillscale
