// The Python files of skill-server/engine/python, which the build puts into the program.
#pragma once

#include <span>
#include <string_view>

namespace skillscale {

struct PythonSource {
  std::string_view name;  // Of the file, without folder.
  std::string_view text;
};

std::span<const PythonSource> python_sources();

}  // namespace skillscale
