#include "skills/skill_name.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "base/utf8.h"

namespace skillscale {
namespace {

const utf8proc_uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data());
}

struct FreeMalloced {
  void operator()(utf8proc_uint8_t* bytes) const noexcept { std::free(bytes); }  // NOLINT(*-no-malloc)
};

// Nothing when `text` is not UTF-8.
std::optional<std::vector<utf8proc_int32_t>> code_points(std::string_view text) {
  std::vector<utf8proc_int32_t> result;
  while (!text.empty()) {
    utf8proc_int32_t point = 0;
    const utf8proc_ssize_t length =
        utf8proc_iterate(bytes_of(text), static_cast<utf8proc_ssize_t>(text.size()), &point);
    if (length <= 0) return std::nullopt;
    result.push_back(point);
    text.remove_prefix(static_cast<std::size_t>(length));
  }
  return result;
}

bool is_letter_or_digit(utf8proc_int32_t point) {
  switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

constexpr auto kNfkc = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);

std::string mapped(std::string_view text, utf8proc_option_t how) {
  utf8proc_uint8_t* bytes = nullptr;
  const utf8proc_ssize_t length = utf8proc_map(bytes_of(text), static_cast<utf8proc_ssize_t>(text.size()), &bytes, how);
  const std::unique_ptr<utf8proc_uint8_t, FreeMalloced> owned(bytes);
  if (length < 0) return std::string(text);
  return {reinterpret_cast<const char*>(owned.get()), static_cast<std::size_t>(length)};
}

}  // namespace

std::string normalized_name(std::string_view text) { return mapped(text, kNfkc); }

std::string folded_name(std::string_view text) {
  return mapped(text, static_cast<utf8proc_option_t>(kNfkc | UTF8PROC_CASEFOLD));
}

std::string fault_in_name(std::string_view name) {
  const auto points = code_points(name);
  if (!points) return "is not UTF-8";
  if (points->size() > limits::kSkillNameCharsMax) return "is longer than 64 characters";
  for (const utf8proc_int32_t point : *points) {
    if (utf8proc_tolower(point) != point) return "must be in lower case";
    if (!is_letter_or_digit(point) && point != '-') return "may hold only lower-case letters, digits and hyphens";
  }
  if (name.starts_with('-') || name.ends_with('-')) return "must not begin or end with a hyphen";
  if (name.find("--") != std::string_view::npos) return "must not hold two hyphens in a row";
  return {};
}

bool is_usable_name(std::string_view name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !name.empty() && name.size() <= limits::kSkillNameBytesLenientMax && is_valid_utf8(name) &&
         std::none_of(name.begin(), name.end(), is_control);
}

}  // namespace skillscale
