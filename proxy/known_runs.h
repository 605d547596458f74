// Which member has, or had, a run: for intents that are sent again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"
#include "protocol/intent.h"

namespace skillscale {

// Where an intent that is sent again must go: to the member that has its run,
// or straight back with the answer that nobody was there to receive.
struct KnownRun {
  std::string member;  // Member name; empty when `verdict` is set.
  std::optional<Error> verdict;
};

// Bounded in number and age; the oldest entry goes first. Not thread-safe.
class KnownRuns {
 public:
  void remember(const std::string& key, KnownRun run, SteadyTime now);
  // The pointer is good until the next call.
  const KnownRun* find(const std::string& key, SteadyTime now);
  void forget(const std::string& key);
  std::size_t size() const noexcept { return entries_.size(); }
  std::uint64_t evicted() const noexcept { return evicted_; }  // Dropped before their time: kAnnouncedMax.

  static std::string key_of_request(const ReturnAddress& address);
  static std::string key_of_idempotency(const std::string& topic, const std::string& group, const std::string& key);

 private:
  struct Entry {
    KnownRun run;
    SteadyTime since;
    std::list<std::string>::iterator place;
  };
  void drop_old(SteadyTime now);

  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> by_age_;
  std::uint64_t evicted_ = 0;
};

}  // namespace skillscale
