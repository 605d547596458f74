// The requests that have no reply yet, in the order of publishing, and what is
// remembered of those that ended. No sockets, no clock: time comes in as a parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent-client/event_track.h"
#include "base/clock.h"
#include "skillscale/agent_client.h"

namespace skillscale::agent {

// Shared by the caller's handles and the I/O thread.
using StatePtr = std::shared_ptr<PendingReply::State>;

struct PendingRequest {
  std::string request_id;
  std::string topic;
  std::string payload;  // Kept until the end, to be sent again.
  StatePtr state;
  SteadyTime published{};
  SteadyTime deadline{};          // Of the reply.
  SteadyTime connect_deadline{};  // Of being sent at all.

  bool sent = false;     // At least once.
  std::size_t link = 0;  // The connection that it was last sent on.
  EventTrack events;
};

// How a request ended.
enum class Ending : std::uint8_t { answered, given_up };

// What is known of a request id.
enum class Standing : std::uint8_t { pending, answered, given_up, unknown };

// Belongs to one thread.
class PendingTable {
 public:
  // Remembers the ids of the last `ended_max` requests that ended.
  explicit PendingTable(std::size_t ended_max) : ended_max_(ended_max) {}

  // False, and `request` untouched, when its id is pending already.
  bool add(PendingRequest& request);

  // The first in the order of publishing that waits to be sent. Null: none.
  // Stays valid until it is taken out.
  const PendingRequest* next_unsent() const;
  // The result of next_unsent() went out through `link`.
  void mark_sent(std::size_t link);
  // What was sent through `link` waits to be sent again, in the old order.
  void requeue(std::size_t link);

  // When the next request becomes due; nothing when none is pending.
  std::optional<SteadyTime> next_due() const;

  // Null when it is not pending. Stays valid until it is taken out.
  PendingRequest* find(const std::string& request_id);
  std::optional<PendingRequest> take(const std::string& request_id, Ending ending);
  std::vector<PendingRequest> take_due(SteadyTime now);                   // Given up.
  std::vector<PendingRequest> take_published_before(SteadyTime instant);  // Given up.
  std::vector<PendingRequest> take_all();                                 // Given up.

  Standing standing(const std::string& request_id) const;
  std::size_t size() const noexcept { return requests_.size(); }

 private:
  using Sequence = std::uint64_t;

  static SteadyTime due_time(const PendingRequest& request);
  PendingRequest take_at(std::map<Sequence, PendingRequest>::iterator position, Ending ending);
  void remember(const std::string& request_id, Ending ending);

  Sequence next_ = 0;
  std::map<Sequence, PendingRequest> requests_;
  std::unordered_map<std::string, Sequence> by_id_;
  std::set<Sequence> unsent_;
  std::set<std::pair<SteadyTime, Sequence>> due_;

  const std::size_t ended_max_;
  std::deque<std::string> ended_order_;
  std::unordered_map<std::string, Ending> ended_;
};

}  // namespace skillscale::agent
