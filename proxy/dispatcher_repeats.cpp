// The part of the dispatcher that deals with what agents say once more of an intent: the intent itself, and cancels.
#include <algorithm>
#include <utility>

#include "daemon/logging.h"
#include "proxy/dispatcher.h"
#include "proxy/envelope.h"

namespace skillscale {

void Dispatcher::accept_resent(std::string_view topic_name, Delivery delivery) {
  ++counters_.resent;
  if (!parse(delivery)) return;
  const ReturnAddress& address = delivery.fields.address;
  index_leases();
  Topic* topic = roster_.find_topic(topic_name);
  const bool waiting =
      topic != nullptr && (topic->settling.contains(address) ||
                           std::any_of(topic->groups.begin(), topic->groups.end(),
                                       [&](const auto& entry) { return entry.second->hold.contains(address); }));
  if (waiting || !leases_of(address).empty()) {
    ++counters_.resent_known;
    return;
  }
  const std::string key = KnownRuns::key_of_request(address);
  if (const KnownRun* known = known_runs_.find(key, now())) {
    if (known->verdict) {
      const Error verdict = *known->verdict;
      answer(delivery, verdict.code, verdict.detail);
      return;
    }
    if (Member* member = roster_.find_member(known->member)) {
      join_run(*member, std::move(delivery));
      return;
    }
    known_runs_.forget(key);
  }
  // A member that never lost this proxy has not announced anything: its reply may have been lost on the way.
  if (topic != nullptr) {
    for (const auto& [name, group] : topic->groups) {
      for (const Member* member : group->members) outbox_.control(*member, encode_who(address), Token{});
    }
  }
  settle(topic_name, std::move(delivery), now() + limits::kResendSettleTime);
}

// Waits for a member that knows of it. Nobody has said so by `until`: it counts as new.
void Dispatcher::settle(std::string_view topic_name, Delivery delivery, SteadyTime until) {
  Topic* topic = roster_.find_topic(topic_name);
  if (topic == nullptr || topic->groups.empty()) topic = roster_.add_unserved_topic(topic_name, now());
  const std::size_t cost = Hold::cost_of(delivery);
  if (topic == nullptr || topic->settling.bytes() + cost > settings_.hold_topic_bytes_max ||
      held_bytes_ + cost > settings_.hold_bytes_max) {
    ++counters_.overloaded;
    answer(delivery, ErrorCode::overloaded, "too much is waiting for the topic " + std::string(topic_name));
    return;
  }
  delivery.payload = zmq::message_t(delivery.payload.data(), delivery.payload.size());
  delivery.waiting_since = now();
  held_bytes_ += cost;
  topic->settling.push(std::move(delivery), {until, ErrorCode::no_capacity});
}

void Dispatcher::settle_done(Topic& topic, Delivery delivery) {
  delivery.held += now() - delivery.waiting_since;
  if (topic.groups.empty() && is_held(topic.name)) roster_.add_unserved_topic(topic.name, now());
  if (topic.groups.empty()) {
    ++counters_.no_skill_server;
    answer(delivery, ErrorCode::no_skill_server, "no skill server serves the topic " + topic.name);
    return;
  }
  for (const auto& [name, group] : topic.groups) {
    Delivery copy = new_delivery(delivery.payload);
    copy.fields = delivery.fields;
    copy.parsed = true;
    copy.arrived = delivery.arrived;
    copy.held = delivery.held;
    offer(*group, std::move(copy));
  }
}

void Dispatcher::announce(const AnnounceFrame& frame) {
  Member* member = roster_.find_member(frame.member);
  if (member == nullptr) {
    ++counters_.stale_tokens;
    return;
  }
  Topic& topic = *member->group->topic;
  for (const AnnounceFrame::Run& run : frame.runs) {
    if (run.topic != topic.name) continue;
    known_runs_.remember(KnownRuns::key_of_request(run.address), {member->name, std::nullopt}, now());
    if (!run.idempotency_key.empty()) {
      known_runs_.remember(KnownRuns::key_of_idempotency(topic.name, member->group->name, run.idempotency_key),
                           {member->name, std::nullopt}, now());
    }
    if (auto delivery = topic.settling.remove(run.address)) {
      held_bytes_ -= Hold::cost_of(*delivery);
      delivery->held += now() - delivery->waiting_since;
      join_run(*member, std::move(*delivery));
    }
  }
}

// --- Cancelling ------------------------------------------------------------------------------------

void Dispatcher::cancel(const ReturnAddress& address) {
  const bool waited = cancel_waiting(address);
  index_leases();
  const std::vector<Slot> slots = leases_of(address);
  if (!waited && slots.empty()) ++counters_.unknown_cancels;
  for (const Slot slot : slots) cancel_lease(slot, address);
}

bool Dispatcher::cancel_waiting(const ReturnAddress& address) {
  bool found = false;
  const auto take = [&](Hold& hold) {
    auto delivery = hold.remove(address);
    if (!delivery) return false;
    held_bytes_ -= Hold::cost_of(*delivery);
    if (!found) answer(*delivery, ErrorCode::cancelled, "cancelled before it was started");
    found = true;
    return true;
  };
  for (const auto& [name, topic] : roster_.topics()) {
    take(topic->settling);
    for (const auto& [group_name, group] : topic->groups) {
      if (take(group->hold)) ++group->counters.cancelled;
    }
  }
  return found;
}

void Dispatcher::cancel_lease(Slot slot, const ReturnAddress& address) {
  Lease& lease = leases_.at(slot);
  ++lease.group->counters.cancelled;
  log::info("cancel", {{"request_id", address.request_id}, {"topic", lease.group->topic->name}});
  if (lease.is_lost_for_good()) {
    // It may be running: the member stops it and answers.
    lease.cancelled = true;
    outbox_.control(*lease.member, kCancelFrame, leases_.token_of(slot));
    return;
  }
  Delivery delivery = revoke(slot);
  answer(delivery, ErrorCode::cancelled, "cancelled before it was started");
}

void Dispatcher::index_lease(Slot slot) {
  Lease& lease = leases_.at(slot);
  if (lease.state != Lease::State::leased && lease.state != Lease::State::granted) return;
  if (!open_envelope(lease.delivery)) return;  // The member will say so in its reply.
  lease_of_address_.emplace(address_key(lease.delivery.fields.address), slot);
}

void Dispatcher::index_leases() {
  index_until_ = now() + limits::kIndexTime;
  if (indexing_) return;
  indexing_ = true;
  for (Slot slot = 0; slot < leases_.slots(); ++slot) index_lease(slot);
}

void Dispatcher::forget_address(Slot slot) {
  const Lease& lease = leases_.at(slot);
  if (!indexing_ || !lease.delivery.parsed) return;
  auto [begin, end] = lease_of_address_.equal_range(address_key(lease.delivery.fields.address));
  const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second == slot; });
  if (found != end) lease_of_address_.erase(found);
}

std::vector<Dispatcher::Slot> Dispatcher::leases_of(const ReturnAddress& address) {
  std::vector<Slot> slots;
  const auto [begin, end] = lease_of_address_.equal_range(address_key(address));
  for (auto entry = begin; entry != end; ++entry) slots.push_back(entry->second);
  return slots;
}

}  // namespace skillscale
