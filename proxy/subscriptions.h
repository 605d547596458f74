// Who listens to what, besides members: plain subscribers and agents.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace skillscale {

// Lets maps with string keys be searched by string_view.
struct TransparentHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
template <typename Value>
using StringMap = std::unordered_map<std::string, Value, TransparentHash, std::equal_to<>>;

// Mirrors the prefixes that plain subscribers and agents have subscribed to.
//
// libzmq keeps the same table and filters by it, but does not let us ask. Past
// kSubscriptionsMax prefixes the rest is not tracked, and every topic counts as wanted.
// Not thread-safe.
class Subscriptions {
 public:
  void add(std::string_view prefix);
  void remove(std::string_view prefix);

  // True when somebody has subscribed to exactly this.
  bool has(std::string_view topic) const { return counts_.find(topic) != counts_.end(); }
  // True when some subscription is a prefix of `topic`.
  bool wants(std::string_view topic) const;

  std::size_t size() const noexcept { return counts_.size(); }
  std::size_t untracked() const noexcept { return untracked_; }  // Past kSubscriptionsMax.

 private:
  static constexpr std::size_t kLengthsMax = 256;
  StringMap<std::size_t> counts_;
  // How many prefixes there are of each length (the last: of that length or longer), so
  // that wants() tries only lengths that occur.
  std::array<std::size_t, kLengthsMax + 1> of_length_{};
  std::size_t untracked_ = 0;
};

}  // namespace skillscale
