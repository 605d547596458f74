#include "agent-client/progress_text.h"

#include <algorithm>
#include <cmath>

#include "agent-client/terminal_text.h"
#include "base/utf8.h"

namespace skillscale::agent {
namespace {

constexpr std::size_t kMessageCharactersMax = 200;

std::string percent(double progress) {
  const auto whole = std::lround(std::clamp(progress, 0.0, 1.0) * 100);
  const std::string digits = std::to_string(whole);
  return std::string(3 - digits.size(), ' ') + digits + "%";
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Other characters may take two columns each.
std::string fit(std::string_view message, std::size_t columns) {
  constexpr std::size_t kCutColumns = 3;
  const std::size_t characters = is_ascii(message) ? columns : columns / 2;
  if (characters <= kCutColumns) return {};
  return for_terminal_line(message, characters);
}

}  // namespace

std::string progress_bar(double progress, std::string_view message, std::size_t columns) {
  constexpr std::size_t kBarMax = 30;
  constexpr std::size_t kBarMin = 5;
  constexpr std::size_t kAroundBar = 8;  // Brackets, blank, percent.
  std::string line = percent(progress);
  const std::size_t bar = std::min(kBarMax, columns / 3);
  if (bar >= kBarMin && bar + kAroundBar <= columns) {
    const auto done = static_cast<std::size_t>(std::clamp(progress, 0.0, 1.0) * static_cast<double>(bar));
    line = "[" + std::string(done, '#') + std::string(bar - done, '-') + "] " + line;
  }
  // The last column stays free: some terminals wrap after it.
  if (line.size() + 2 < columns) {
    const std::string words = fit(message, columns - line.size() - 2);
    if (!words.empty()) line += " " + words;
  }
  return line.substr(0, line.size() > columns ? columns : std::string::npos);
}

std::string progress_line(double progress, std::string_view message) {
  const std::string words = for_terminal_line(message, kMessageCharactersMax);
  return "[" + percent(progress) + "]" + (words.empty() ? "" : " " + words);
}

bool ShownOutput::add(std::string_view chunk) {
  if (gap_) return false;
  text_ += to_valid_utf8(chunk);
  return true;
}

std::string_view ShownOutput::rest_of(std::string_view content) const {
  return content.starts_with(text_) ? content.substr(text_.size()) : content;
}

}  // namespace skillscale::agent
