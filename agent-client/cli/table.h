// Columns of text for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace skillscale::cli {

// The first row is the head. Cells are made safe; the last column is cut at `width` characters.
std::string table_text(const std::vector<std::vector<std::string>>& rows, std::size_t width);

}  // namespace skillscale::cli
