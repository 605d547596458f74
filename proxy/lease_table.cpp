#include "proxy/lease_table.h"

#include "base/check.h"

namespace skillscale {

std::uint32_t LeaseTable::open() {
  if (free_.empty()) {
    slots_.emplace_back();
    free_.push_back(slots() - 1);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot].state = Lease::State::leased;
  return slot;
}

void LeaseTable::close(std::uint32_t slot) {
  Lease& lease = slots_[slot];
  SK_CHECK(lease.state != Lease::State::free);
  const std::uint32_t next_generation = lease.generation + 1;
  lease = Lease{};
  lease.generation = next_generation;
  free_.push_back(slot);
}

std::optional<std::uint32_t> LeaseTable::find(std::string_view bytes) const {
  const auto token = parse_token(bytes);
  if (!token || token->proxy != proxy_id_ || token->slot >= slots_.size()) return std::nullopt;
  const Lease& lease = slots_[token->slot];
  if (lease.state == Lease::State::free || lease.generation != token->generation) return std::nullopt;
  return token->slot;
}

}  // namespace skillscale
