// Replies kept for requests that are sent again.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "protocol/intent.h"
#include "protocol/reply.h"
#include "skills/digest.h"

namespace skillscale {

// A name made of several parts that no other list of parts has.
std::string joined_key(std::initializer_list<std::string_view> parts);

// Where a request belongs: a copy for another group is another request.
struct RequestName {
  std::string topic;
  std::string group;
  ReturnAddress address;
  std::string key() const { return joined_key({topic, group, address.reply_to, address.request_id}); }
};

// A final reply is shared by the leases it answers and the cache; it is immutable.
using SharedReply = std::shared_ptr<const Reply>;

// Bounded by bytes (the oldest goes first) and by time. Owned by one thread.
class ReplyCache {
 public:
  struct Stored {
    std::vector<RequestName> requests;  // All requests that this reply answered.
    std::string idempotency_name;       // joined_key of topic, group and idempotency key; empty: none.
    std::string idempotency_key;
    Digest digest;
    SharedReply reply;
  };

  ReplyCache(std::size_t bytes_max, std::chrono::milliseconds time_max) : bytes_max_(bytes_max), time_max_(time_max) {}

  // Replaces what was stored under the same names. A reply larger than the whole cache is not kept.
  void store(Stored stored, SteadyTime now);
  // Nullptr when there is none (any more). Valid until the next call that is not const.
  const Stored* find_request(const std::string& request_key, SteadyTime now);
  const Stored* find_idempotency(const std::string& idempotency_name, SteadyTime now);
  // From now on the reply also answers this request.
  void add_request(const std::string& idempotency_name, RequestName request);
  void expire(SteadyTime now);

  // From the oldest on.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Entry& entry : entries_) visit(entry.stored);
  }

  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t entries() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Stored stored;
    SteadyTime since;
    std::size_t bytes = 0;
  };
  using Position = std::list<Entry>::iterator;
  using Index = std::unordered_map<std::string, Position>;

  const Stored* find(Index& index, const std::string& name, SteadyTime now);
  void remove(Position position);

  const std::size_t bytes_max_;
  const std::chrono::milliseconds time_max_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // The oldest first.
  Index by_request_;
  Index by_idempotency_;
};

}  // namespace skillscale
