#include "proxy/known_runs.h"

#include <utility>

#include "base/limits.h"
#include "proxy/hold.h"

namespace skillscale {

std::string KnownRuns::key_of_request(const ReturnAddress& address) { return 'r' + address_key(address); }

std::string KnownRuns::key_of_idempotency(const std::string& topic, const std::string& group, const std::string& key) {
  return 'i' + topic + '\0' + group + '\0' + key;
}

void KnownRuns::drop_old(SteadyTime now) {
  while (!by_age_.empty()) {
    const auto oldest = entries_.find(by_age_.front());
    const bool too_old = now - oldest->second.since > limits::kReplyCacheTimeMax;
    if (!too_old && entries_.size() <= limits::kAnnouncedMax) return;
    evicted_ += too_old ? 0 : 1;
    entries_.erase(oldest);
    by_age_.pop_front();
  }
}

void KnownRuns::remember(const std::string& key, KnownRun run, SteadyTime now) {
  forget(key);
  by_age_.push_back(key);
  entries_.emplace(key, Entry{std::move(run), now, std::prev(by_age_.end())});
  drop_old(now);
}

const KnownRun* KnownRuns::find(const std::string& key, SteadyTime now) {
  drop_old(now);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second.run;
}

void KnownRuns::forget(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  by_age_.erase(found->second.place);
  entries_.erase(found);
}

}  // namespace skillscale
