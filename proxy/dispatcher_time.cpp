// The part of the dispatcher that keeps time: what has waited or taken too long, and the end.
#include <algorithm>
#include <utility>

#include "daemon/logging.h"
#include "proxy/dispatcher.h"
#include "proxy/envelope.h"

namespace skillscale {

void Dispatcher::sweep() {
  const SteadyTime time = now();
  if (indexing_ && time > index_until_) {
    indexing_ = false;
    lease_of_address_.clear();
  }
  for (const auto& [name, topic] : roster_.topics()) {
    for (const auto& [group_name, group] : topic->groups) {
      for (Member* member : group->members) member->stalled = false;
      for (auto& [delivery, code] : group->hold.remove_expired(time)) {
        held_bytes_ -= Hold::cost_of(delivery);
        delivery.held += time - delivery.waiting_since;
        ++group->counters.expired;
        answer(delivery, code,
               code == ErrorCode::expired ? "the deadline passed before a skill server had room"
                                          : "no skill server had room in time");
      }
      pump(*group);
    }
    for (auto& [delivery, code] : topic->settling.remove_expired(time)) {
      held_bytes_ -= Hold::cost_of(delivery);
      settle_done(*topic, std::move(delivery));
    }
  }
  sweep_leases();
  roster_.forget_empty(time);
}

void Dispatcher::sweep_leases() {
  const SteadyTime time = now();
  for (Slot slot = 0; slot < leases_.slots(); ++slot) sweep_lease(slot, time);
}

void Dispatcher::sweep_lease(Slot slot, SteadyTime time) {
  Lease& lease = leases_.at(slot);
  Group* group = lease.group;
  if (lease.state == Lease::State::granted && time > lease.deadline) {
    Delivery delivery = revoke(slot);
    ++group->counters.timed_out;
    mark_unresponsive(*lease.member, delivery.parsed ? delivery.fields.address.request_id : "");
    answer(delivery, ErrorCode::timed_out, "the skill server did not answer in time");
    return;
  }
  if (lease.state != Lease::State::leased || lease.joins || time - lease.leased_at < limits::kTakeBackAfter) return;

  if (!lease.delivery.parsed && open_envelope(lease.delivery) && indexing_) index_lease(slot);
  const bool past_deadline = is_past_deadline(lease.delivery);
  // A repeat stays with the member that has its key: elsewhere it would run a second time.
  const bool keyed = lease.delivery.parsed && !lease.delivery.fields.idempotency_key.empty();
  if (past_deadline || time - lease.leased_at > settings_.hold_max) {
    Delivery delivery = revoke(slot);
    ++group->counters.expired;
    answer(delivery, past_deadline ? ErrorCode::expired : ErrorCode::no_capacity,
           "the skill server did not start the intent in time");
  } else if (!keyed && group->hold.empty() && group->has_idle_member_besides(lease.member)) {
    ++group->counters.taken_back;
    redeliver(*group, revoke(slot));
  }
}

void Dispatcher::mark_unresponsive(Member& member, std::string_view request_id) {
  if (member.unresponsive) return;
  member.unresponsive = true;
  ++counters_.unresponsive;
  log::warn("member does not answer",
            {{"request_id", request_id}, {"topic", member.parts.topic}, {"instance", member.parts.instance}});
}

std::size_t Dispatcher::runs_in_progress() {
  std::size_t runs = 0;
  for (Slot slot = 0; slot < leases_.slots(); ++slot) {
    const Lease& lease = leases_.at(slot);
    const bool live = lease.state == Lease::State::granted || (lease.state == Lease::State::leased && lease.joins);
    runs += live ? 1 : 0;
  }
  return runs;
}

void Dispatcher::drain() {
  draining_ = true;
  const auto refuse = [this](Delivery delivery) {
    answer(delivery, ErrorCode::draining, "the proxy is stopping; send the intent again");
  };
  for (const auto& [name, topic] : roster_.topics()) {
    for (Delivery& delivery : topic->settling.remove_all()) refuse(std::move(delivery));
    for (const auto& [group_name, group] : topic->groups) {
      for (Delivery& delivery : group->hold.remove_all()) refuse(std::move(delivery));
    }
  }
  held_bytes_ = 0;
  for (Slot slot = 0; slot < leases_.slots(); ++slot) {
    if (leases_.at(slot).state == Lease::State::leased && !leases_.at(slot).joins) refuse(revoke(slot));
  }
}

}  // namespace skillscale
