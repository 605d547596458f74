// Intents that wait because no member has room.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include <zmq.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "protocol/intent.h"

namespace skillscale {

// An intent on its way to a member, with what the proxy knows of its past.
struct Delivery {
  zmq::message_t payload;
  RoutingFields fields;             // Meaningful only when `parsed`.
  bool parsed = false;              // The straight path never opens the envelope.
  SteadyTime arrived;               // At this proxy.
  SteadyTime waiting_since;         // In the hold, this time.
  std::chrono::nanoseconds held{};  // In the hold, before this time.
  std::uint32_t attempt = 1;        // Executions begun, this one included.
  std::uint32_t losses = 0;         // Members that were lost with it before they started it.
  bool catalog = false;             // A question about the catalogue, which any member answers at once.
};

// When a waiting intent is given up, and why.
struct Expiry {
  SteadyTime at;
  ErrorCode code = ErrorCode::no_capacity;
};

// First in, first out per agent; agents take turns; higher priority first.
//
// Not thread-safe. Counts its own bytes; whoever pushes keeps the bounds.
class Hold {
 public:
  // `delivery` must be parsed. `front`: before the agent's other intents (a redelivery).
  void push(Delivery delivery, Expiry expiry, bool front = false);

  // The intent whose turn it is.
  std::optional<Delivery> pop();

  std::optional<Delivery> remove(const ReturnAddress& address);
  bool contains(const ReturnAddress& address) const;

  struct Expired {
    Delivery delivery;
    ErrorCode code;
  };
  std::vector<Expired> remove_expired(SteadyTime now);
  std::vector<Delivery> remove_all();  // In the order of pop().

  // Moves everything out of `other`, behind what is here.
  void take_all(Hold& other);

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  std::size_t bytes() const noexcept { return bytes_; }
  std::optional<SteadyTime> next_expiry() const;
  std::optional<SteadyTime> oldest() const;  // When the longest-waiting one arrived.

  // What one intent counts against the bounds.
  static std::size_t cost_of(const Delivery& delivery) noexcept;

 private:
  using Id = std::uint64_t;
  struct Agent {
    std::string name;
    std::list<Id> waiting;
  };
  using Turns = std::list<Agent>;  // The agent at the front has its turn next.
  struct Level {
    Turns turns;
    std::unordered_map<std::string, Turns::iterator> agents;
  };
  struct Entry {
    Delivery delivery;
    Expiry expiry;
    Level* level;
    Turns::iterator agent;
    std::list<Id>::iterator place;
    std::multimap<SteadyTime, Id>::iterator expiry_place;
    std::multimap<SteadyTime, Id>::iterator age_place;
  };

  Delivery take(std::unordered_map<Id, Entry>::iterator entry);

  std::array<Level, limits::kPriorityMax + 1> levels_;
  std::unordered_map<Id, Entry> entries_;
  std::unordered_map<std::string, Id> by_address_;
  std::multimap<SteadyTime, Id> by_expiry_;
  std::multimap<SteadyTime, Id> by_age_;
  Id next_id_ = 1;
  std::size_t bytes_ = 0;
};

// One key for maps. A topic contains no NUL, so two addresses never share a key.
std::string address_key(const ReturnAddress& address);

}  // namespace skillscale
