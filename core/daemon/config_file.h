// A configuration file as a flat list of keys and values. Only for Config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace skillscale {

struct FileEntry {
  std::string key;
  std::vector<std::string> values;  // One for `key: value`, none for `key:`, any number for a list.
  bool is_list = false;
  int line = 0;  // From 1.
};

// At most kConfigBytesMax bytes of the file.
Result<std::string> read_config_file(const std::string& path);

// Only a mapping of keys to scalars or lists of scalars is taken. Values are not
// interpreted: `010` and `yes` stay text. There is no way to nest, and anchors and
// aliases are refused, so no small file becomes a large value. `path` is for the
// detail of the Error, which begins with "path:line:column: ".
Result<std::vector<FileEntry>> parse_config_file(std::string_view text, const std::string& path);

}  // namespace skillscale
