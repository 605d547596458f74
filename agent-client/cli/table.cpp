#include "table.h"

#include <algorithm>

#include "agent-client/terminal_text.h"

namespace skillscale::cli {
namespace {

constexpr std::size_t kCellMax = 64;
constexpr std::size_t kLastColumnMin = 20;
constexpr std::string_view kGap = "  ";

// Bytes that begin a character, which is near enough to columns for names.
std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string table_text(const std::vector<std::vector<std::string>>& rows, std::size_t width) {
  if (rows.empty()) return "";
  const std::size_t columns = rows.front().size();
  std::vector<std::vector<std::string>> cells = rows;
  std::vector<std::size_t> widths(columns, 0);
  std::size_t before_last = 0;
  for (std::size_t column = 0; column + 1 < columns; ++column) {
    for (auto& row : cells) {
      row[column] = agent::for_terminal_line(row[column], kCellMax);
      widths[column] = std::max(widths[column], characters(row[column]));
    }
    before_last += widths[column] + kGap.size();
  }
  const std::size_t last_max = width > before_last + kLastColumnMin ? width - before_last : kLastColumnMin;

  std::string text;
  for (const auto& row : cells) {
    for (std::size_t column = 0; column + 1 < columns; ++column) {
      text += row[column] + std::string(widths[column] - characters(row[column]), ' ') + std::string(kGap);
    }
    text += agent::for_terminal_line(row.back(), last_max) + "\n";
  }
  return text;
}

}  // namespace skillscale::cli
