#include "protocol/topic.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/limits.h"

namespace skillscale {
namespace {

constexpr std::string_view kMemberPrefix = "@g/";
constexpr std::string_view kBarrierPrefix = "@r/";

// Not std::isalnum: that one depends on the locale.
bool is_letter_or_digit(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_topic_character(char c) noexcept {
  return is_letter_or_digit(c) || c == '.' || c == '_' || c == ':' || c == '-';
}

// Cuts off and returns what stands before the next slash; nothing when there is none.
std::optional<std::string_view> take_part(std::string_view& text) noexcept {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, slash);
  text.remove_prefix(slash + 1);
  return part;
}

std::optional<std::uint32_t> parse_credits(std::string_view digits) noexcept {
  if (digits.empty() || digits.front() < '1' || digits.front() > '9') return std::nullopt;
  std::uint32_t credits = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, credits);
  if (error != std::errc() || stop != end || credits > limits::kCreditsMax) return std::nullopt;
  return credits;
}

}  // namespace

bool is_topic(std::string_view name) noexcept {
  return !name.empty() && name.size() <= limits::kTopicBytesMax && is_letter_or_digit(name.front()) &&
         std::all_of(name.begin(), name.end(), is_topic_character);
}

bool is_fabric_name(std::string_view name) noexcept { return name.starts_with('@'); }

// Greedy: only the last `*` ever needs to take more, so this is at worst quadratic.
bool matches_pattern(std::string_view pattern, std::string_view topic) noexcept {
  std::size_t at = 0;
  std::size_t in_topic = 0;
  std::size_t star = std::string_view::npos;
  std::size_t after_star_in_topic = 0;
  while (in_topic < topic.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      after_star_in_topic = in_topic;
    } else if (at < pattern.size() && pattern[at] == topic[in_topic]) {
      ++at;
      ++in_topic;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in_topic = ++after_star_in_topic;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

std::string encode_member_name(const MemberName& member) {
  std::string name(kMemberPrefix);
  name.append(member.topic).append(1, '/').append(member.group).append(1, '/').append(member.instance);
  return name.append(1, '/').append(std::to_string(member.credits)).append(1, '/');
}

std::optional<MemberName> parse_member_name(std::string_view text) {
  if (!text.starts_with(kMemberPrefix)) return std::nullopt;
  text.remove_prefix(kMemberPrefix.size());
  const auto topic = take_part(text);
  const auto group = take_part(text);
  const auto instance = take_part(text);
  const auto digits = take_part(text);
  if (!digits || !text.empty()) return std::nullopt;
  const auto credits = parse_credits(*digits);
  if (!credits || !is_topic(*topic) || !is_topic(*group) || !is_topic(*instance)) return std::nullopt;
  return MemberName{std::string(*topic), std::string(*group), std::string(*instance), *credits};
}

std::string barrier_name(std::string_view id) { return std::string(kBarrierPrefix).append(id); }

bool is_barrier_name(std::string_view name) noexcept {
  return name.starts_with(kBarrierPrefix) && is_topic(name.substr(kBarrierPrefix.size()));
}

}  // namespace skillscale
