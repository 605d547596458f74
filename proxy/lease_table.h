// The record of which intent is with which member.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/fabric.h"
#include "proxy/hold.h"

namespace skillscale {

struct Member;
struct Group;

struct Lease {
  enum class State : std::uint8_t {
    free,
    leased,   // With the member, not started: it can be given to another one.
    granted,  // The member may have started it.
    revoked,  // Answered or given to another one; only the member's credit is still taken.
  };
  State state = State::free;
  bool joins = false;       // Joins a run that is there already: takes no credit.
  bool cancelled = false;   // The agent wants it no more; its member has been told.
  bool idempotent = false;  // The skill or the intent is declared so; known from the start frame.
  std::uint32_t generation = 0;
  Member* member = nullptr;
  Group* group = nullptr;
  std::uint32_t place_in_member = 0;  // Index in Member::leases.
  SteadyTime leased_at;
  SteadyTime deadline = SteadyTime::max();  // Once granted.
  Delivery delivery;

  // The run that a join waits for may have been started under an earlier lease.
  bool is_lost_for_good() const noexcept { return state == State::granted || joins; }
};

// Slots that are used again under a new generation, so a stale, repeated or
// foreign token never names a live lease. Not thread-safe.
class LeaseTable {
 public:
  explicit LeaseTable(std::uint64_t proxy_id) : proxy_id_(proxy_id) {}

  std::uint32_t open();  // The slot of a new lease in state `leased`.
  void close(std::uint32_t slot);

  Lease& at(std::uint32_t slot) { return slots_[slot]; }
  Token token_of(std::uint32_t slot) const { return {slot, slots_[slot].generation, proxy_id_}; }
  // The slot that `token` names; nothing when it is stale or not from this proxy.
  std::optional<std::uint32_t> find(std::string_view token) const;

  std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  std::size_t live() const noexcept { return slots_.size() - free_.size(); }

 private:
  const std::uint64_t proxy_id_;
  std::vector<Lease> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace skillscale
