#include "proxy/subscriptions.h"

#include <algorithm>

#include "base/limits.h"

namespace skillscale {

void Subscriptions::add(std::string_view prefix) {
  const auto found = counts_.find(prefix);
  if (found != counts_.end()) {
    ++found->second;
    return;
  }
  if (counts_.size() >= limits::kSubscriptionsMax) {
    ++untracked_;
    return;
  }
  counts_.emplace(prefix, 1);
  ++of_length_[std::min(prefix.size(), kLengthsMax)];
}

void Subscriptions::remove(std::string_view prefix) {
  const auto found = counts_.find(prefix);
  if (found == counts_.end()) {
    if (untracked_ > 0) --untracked_;
    return;
  }
  if (--found->second > 0) return;
  --of_length_[std::min(prefix.size(), kLengthsMax)];
  counts_.erase(found);
}

bool Subscriptions::wants(std::string_view topic) const {
  if (untracked_ > 0 || counts_.find(topic) != counts_.end()) return true;
  const std::size_t longest = std::min(topic.size(), kLengthsMax - 1);
  for (std::size_t length = 0; length <= longest; ++length) {
    if (of_length_[length] > 0 && counts_.find(topic.substr(0, length)) != counts_.end()) return true;
  }
  return false;
}

}  // namespace skillscale
