#include "proxy/dispatcher.h"

#include <algorithm>
#include <utility>

#include "daemon/logging.h"
#include "protocol/codec.h"
#include "proxy/envelope.h"

namespace skillscale {

Dispatcher::Dispatcher(DispatcherSettings settings, Outbox& outbox, const Subscriptions& subscriptions,
                       const Clock& clock, std::uint64_t proxy_id)
    : settings_(std::move(settings)),
      outbox_(outbox),
      subscriptions_(subscriptions),
      clock_(clock),
      leases_(proxy_id),
      started_(clock.steady_now()) {}

// --- Arrival ------------------------------------------------------------------------

bool Dispatcher::is_held(std::string_view topic) const {
  return std::any_of(settings_.held_patterns.begin(), settings_.held_patterns.end(),
                     [&](const std::string& pattern) { return matches_pattern(pattern, topic); });
}

Delivery Dispatcher::new_delivery(zmq::message_t& payload) {
  Delivery delivery;
  delivery.payload.copy(payload);  // Shares the bytes.
  delivery.arrived = now();
  return delivery;
}

bool Dispatcher::accept(std::string_view topic_name, zmq::message_t& payload, bool resent) {
  Topic* topic = roster_.find_topic(topic_name);
  const bool served = topic != nullptr && topic->is_served();
  const bool held = is_held(topic_name);
  if (!served) {
    // Who listens to a whole family of held topics watches; who has subscribed to exactly this one serves it.
    if (held ? subscriptions_.has(topic_name) : subscriptions_.wants(topic_name)) return false;
    const bool may_be_intent =
        is_topic(topic_name) && payload.to_string_view().find("reply_to") != std::string_view::npos;
    if (!may_be_intent) return false;
  }

  Delivery delivery = new_delivery(payload);
  if (draining_) {
    answer(delivery, ErrorCode::draining, "the proxy is stopping; send the intent again");
    return true;
  }
  if (resent) {
    accept_resent(topic_name, std::move(delivery));
    return true;
  }
  if (!served && !held) {
    if (!open_envelope(delivery)) return false;  // No intent: a message that nobody listens to.
    ++counters_.no_skill_server;
    answer(delivery, ErrorCode::no_skill_server, "no skill server serves the topic " + std::string(topic_name));
    return true;
  }
  if (!served) topic = roster_.add_unserved_topic(topic_name, now());
  if (topic == nullptr) {
    ++counters_.overloaded;
    answer(delivery, ErrorCode::overloaded, "too many topics that no skill server serves");
    return true;
  }
  if (may_be_a_repeat(delivery)) {
    settle(topic_name, std::move(delivery), started_ + limits::kResendSettleTime);
    return true;
  }
  for (const auto& [name, group] : topic->groups) {
    Delivery copy = new_delivery(payload);
    offer(*group, std::move(copy));
  }
  return true;
}

// A proxy that has just started does not know the keys yet that members have used with the one before.
bool Dispatcher::may_be_a_repeat(Delivery& delivery) {
  return now() < started_ + limits::kResendSettleTime && mentions_key(delivery.payload) && open_envelope(delivery) &&
         !delivery.fields.idempotency_key.empty();
}

std::vector<Delivery> Dispatcher::hand_over(std::string_view topic) {
  std::vector<Delivery> waiting = roster_.take_unserved(topic);
  for (const Delivery& delivery : waiting) held_bytes_ -= Hold::cost_of(delivery);
  return waiting;
}

void Dispatcher::offer(Group& group, Delivery delivery) {
  if (mentions_key(delivery.payload) && offer_to_owner_of_key(group, delivery)) return;
  if (group.hold.empty() && lease(group, delivery)) return;
  hold(group, std::move(delivery), false);
}

// True when the intent is on its way to the member that has used its key before, or is refused.
bool Dispatcher::offer_to_owner_of_key(Group& group, Delivery& delivery) {
  if (!parse(delivery)) return true;
  const std::string& key = delivery.fields.idempotency_key;
  if (key.empty()) return false;
  const KnownRun* known = known_runs_.find(KnownRuns::key_of_idempotency(group.topic->name, group.name, key), now());
  Member* owner = known == nullptr ? nullptr : roster_.find_member(known->member);
  if (owner == nullptr) return false;
  join_run(*owner, std::move(delivery));
  return true;
}

bool Dispatcher::lease(Group& group, Delivery& delivery) {
  while (Member* member = group.pick_member()) {
    if (lease_to(*member, delivery, false)) return true;
    member->stalled = true;
  }
  return false;
}

bool Dispatcher::lease_to(Member& member, Delivery& delivery, bool joins) {
  Group& group = *member.group;
  const Slot slot = leases_.open();
  const DeliveryFacts facts{delivery.attempt, std::chrono::duration<double, std::milli>(delivery.held).count(),
                            delivery.catalog};
  if (!outbox_.dispatch(member, delivery.payload, leases_.token_of(slot), facts)) {
    leases_.close(slot);
    return false;
  }
  Lease& lease = leases_.at(slot);
  lease.joins = joins;
  lease.member = &member;
  lease.group = &group;
  lease.place_in_member = static_cast<std::uint32_t>(member.leases.size());
  lease.leased_at = now();
  lease.delivery = std::move(delivery);
  member.leases.push_back(slot);
  if (!lease.delivery.catalog) ++group.counters.dispatched;
  if (joins) {
    ++member.joins;
    if (!lease.delivery.catalog) ++group.counters.joined;
  } else {
    ++member.outstanding;
    ++group.inflight;
  }
  if (lease.delivery.parsed && !lease.delivery.fields.idempotency_key.empty()) {
    known_runs_.remember(
        KnownRuns::key_of_idempotency(group.topic->name, group.name, lease.delivery.fields.idempotency_key),
        {member.name, std::nullopt}, lease.leased_at);
  }
  if (indexing_) index_lease(slot);
  return true;
}

void Dispatcher::join_run(Member& member, Delivery delivery) {
  if (member.joins < limits::kJoinsMax && lease_to(member, delivery, true)) return;
  ++member.group->counters.overflowed;
  answer(delivery, ErrorCode::overloaded, "too many repeats of runs that are still going");
}

// --- Waiting ----------------------------------------------------------------------------

void Dispatcher::hold(Group& group, Delivery delivery, bool front) {
  if (!parse(delivery)) return;
  if (draining_) {
    answer(delivery, ErrorCode::draining, "the proxy is stopping; send the intent again");
    return;
  }
  if (is_past_deadline(delivery)) {
    ++group.counters.expired;
    answer(delivery, ErrorCode::expired, "the deadline passed before a skill server had room");
    return;
  }
  if (group.members.empty() && !is_held(group.topic->name)) {
    ++counters_.no_skill_server;
    answer(delivery, ErrorCode::no_skill_server, "no skill server serves the topic " + group.topic->name);
    return;
  }
  const std::size_t cost = Hold::cost_of(delivery);
  if (group.hold.bytes() + cost > settings_.hold_topic_bytes_max || held_bytes_ + cost > settings_.hold_bytes_max) {
    ++group.counters.overflowed;
    answer(delivery, ErrorCode::overloaded, "too much is waiting for the topic " + group.topic->name);
    return;
  }
  // A received message pins its whole receive buffer: keep a copy of the bytes alone.
  delivery.payload = zmq::message_t(delivery.payload.data(), delivery.payload.size());
  delivery.waiting_since = now();
  const auto left_to_wait = std::max(std::chrono::nanoseconds(0), settings_.hold_max - delivery.held);
  Expiry expiry{now() + left_to_wait, ErrorCode::no_capacity};
  if (delivery.fields.deadline) {
    const auto left = std::chrono::duration<double>(*delivery.fields.deadline - to_epoch_seconds(clock_.wall_now()));
    if (left < settings_.hold_max) {
      const SteadyTime at = now() + std::chrono::duration_cast<std::chrono::nanoseconds>(left);
      if (at < expiry.at) expiry = {at, ErrorCode::expired};
    }
  }
  held_bytes_ += cost;
  ++group.counters.held;
  group.hold.push(std::move(delivery), expiry, front);
}

void Dispatcher::pump(Group& group) {
  while (!group.hold.empty()) {
    Member* member = group.pick_member();
    if (member == nullptr) return;
    Delivery delivery = *group.hold.pop();
    held_bytes_ -= Hold::cost_of(delivery);
    const auto waited = now() - delivery.waiting_since;
    delivery.held += waited;
    group.counters.time_held.observe(waited);
    if (is_past_deadline(delivery)) {
      ++group.counters.expired;
      answer(delivery, ErrorCode::expired, "the deadline passed before a skill server had room");
      continue;
    }
    if (!delivery.fields.idempotency_key.empty() && offer_to_owner_of_key(group, delivery)) continue;
    if (lease_to(*member, delivery, false)) continue;
    member->stalled = true;
    hold(group, std::move(delivery), true);
  }
}

// --- The life of a lease --------------------------------------------------------------------

bool Dispatcher::finish(std::string_view token, std::string_view reply_to, bool well_formed) {
  const auto slot = leases_.find(token);
  if (!slot) {
    ++counters_.stale_tokens;
    return false;
  }
  Lease& lease = leases_.at(*slot);
  Group& group = *lease.group;
  lease.member->unresponsive = false;
  const bool live = lease.state != Lease::State::revoked;
  if (live) {
    if (!lease.delivery.catalog) {
      ++group.counters.completed;
      group.counters.time_leased.observe(now() - lease.leased_at);
    }
    if (!well_formed) {
      ++counters_.garbled_replies;
      log::error("a member answered with something that is no reply",
                 {{"topic", group.topic->name}, {"instance", lease.member->parts.instance}});
      answer(lease.delivery, ErrorCode::internal, "the skill server answered with something that is no reply");
    } else if (!subscriptions_.wants(reply_to) && open_envelope(lease.delivery)) {
      // Nobody is there to receive the reply: the agent may come back and ask again.
      known_runs_.remember(KnownRuns::key_of_request(lease.delivery.fields.address), {lease.member->name, std::nullopt},
                           now());
    }
  } else {
    ++counters_.late_replies;
  }
  release(*slot);
  pump(group);
  return live && well_formed;
}

void Dispatcher::start(const StartFrame& frame) {
  const auto slot = leases_.find(frame.token);
  if (!slot || leases_.at(*slot).state != Lease::State::leased) {
    ++counters_.stale_tokens;
    return;
  }
  Lease& lease = leases_.at(*slot);
  lease.member->unresponsive = false;
  if (!frame.idempotent && !outbox_.control(*lease.member, kGoFrame, leases_.token_of(*slot))) {
    // Without the grant it will not start, so another member may have it.
    Group& group = *lease.group;
    redeliver(group, revoke(*slot));
    return;
  }
  lease.state = Lease::State::granted;
  lease.idempotent = frame.idempotent;
  lease.deadline = now() + std::min<std::chrono::milliseconds>(frame.timeout, limits::kTimeoutMax) +
                   limits::kKillGrace + limits::kLeaseGrace;
}

void Dispatcher::give_back(const GiveBackFrame& frame) {
  const auto slot = leases_.find(frame.token);
  if (!slot) {
    ++counters_.stale_tokens;
    return;
  }
  Lease& lease = leases_.at(*slot);
  Group& group = *lease.group;
  const bool live = lease.state != Lease::State::revoked;
  const bool cancelled = lease.cancelled;
  const std::string member_name = lease.member->name;
  forget_address(*slot);
  Delivery delivery = std::exchange(lease.delivery, Delivery{});
  release(*slot);
  if (live && cancelled) {
    answer(delivery, ErrorCode::cancelled, "cancelled before it was started");
  } else if (live && delivery.catalog) {
    ++delivery.attempt;
    offer_question(group.topic->name, std::move(delivery));
  } else if (live) {
    ++group.counters.given_back;
    forget_key(group, delivery, member_name);
    redeliver(group, std::move(delivery));
  }
  pump(group);
}

// The member has neither the run nor the reply of this key any more.
void Dispatcher::forget_key(const Group& group, Delivery& delivery, const std::string& member_name) {
  if (!mentions_key(delivery.payload) || !open_envelope(delivery) || delivery.fields.idempotency_key.empty()) return;
  const std::string key = KnownRuns::key_of_idempotency(group.topic->name, group.name, delivery.fields.idempotency_key);
  const KnownRun* known = known_runs_.find(key, now());
  if (known != nullptr && known->member == member_name) known_runs_.forget(key);
}

void Dispatcher::release(Slot slot) {
  Lease& lease = leases_.at(slot);
  Member& member = *lease.member;
  if (lease.joins) {
    --member.joins;
  } else {
    --member.outstanding;
    if (lease.state != Lease::State::revoked) --lease.group->inflight;
  }
  forget_address(slot);
  const Slot last = member.leases.back();
  member.leases[lease.place_in_member] = last;
  leases_.at(last).place_in_member = lease.place_in_member;
  member.leases.pop_back();
  leases_.close(slot);
}

// The agent has been answered, or will be through another lease; the member keeps the credit taken until
// it says that it is done with the intent.
Delivery Dispatcher::revoke(Slot slot) {
  Lease& lease = leases_.at(slot);
  forget_address(slot);
  if (!lease.joins) --lease.group->inflight;
  lease.state = Lease::State::revoked;
  outbox_.control(*lease.member, kCancelFrame, leases_.token_of(slot));
  return std::exchange(lease.delivery, Delivery{});
}

void Dispatcher::redeliver(Group& group, Delivery delivery) {
  ++group.counters.redelivered;
  // A repeat of its key may have gone to another member meanwhile.
  if (!draining_ && mentions_key(delivery.payload) && offer_to_owner_of_key(group, delivery)) return;
  if (group.hold.empty() && !draining_ && lease(group, delivery)) return;
  hold(group, std::move(delivery), true);
  pump(group);
}

// --- Members --------------------------------------------------------------------------------

void Dispatcher::join(const std::string& member_name) {
  Member* member = roster_.join(member_name, now());
  if (member == nullptr) {
    ++counters_.refused_members;
    log::warn("member refused: too many members, or a malformed name", {{"member", member_name}});
    return;
  }
  if (member->connections == 1) {
    log::info("member joined", {{"topic", member->parts.topic},
                                {"group", member->parts.group},
                                {"instance", member->parts.instance},
                                {"credits", member->parts.credits}});
  }
  pump(*member->group);
}

void Dispatcher::stop_dispatch(const LeaveFrame& frame) {
  Member* member = roster_.find_member(frame.member);
  if (member == nullptr) return;
  member->leaving = true;
  log::info("member is draining", {{"topic", member->parts.topic}, {"instance", member->parts.instance}});
}

void Dispatcher::leave(std::string_view member_name) {
  Member* member = roster_.find_member(member_name);
  if (member == nullptr || --member->connections > 0) return;
  Group& group = *member->group;
  log::info("member left", {{"topic", member->parts.topic},
                            {"group", member->parts.group},
                            {"instance", member->parts.instance},
                            {"leases", member->leases.size()}});
  member->leaving = true;  // Nothing that it loses may come back to it.
  while (!member->leases.empty()) lose(member->leases.back());
  roster_.remove(*member, now());
  pump(group);
}

void Dispatcher::lose(Slot slot) {
  Lease& lease = leases_.at(slot);
  Group& group = *lease.group;
  if (lease.state == Lease::State::revoked) {
    release(slot);
    return;
  }
  const bool may_have_run = lease.is_lost_for_good();
  const bool idempotent_skill = lease.idempotent;
  const bool cancelled = lease.cancelled;
  const std::string member_name = lease.member->name;
  forget_address(slot);
  Delivery delivery = std::exchange(lease.delivery, Delivery{});
  release(slot);
  if (cancelled) {
    answer(delivery, ErrorCode::cancelled, "cancelled; the skill server was lost before it could say more");
    return;
  }
  if (delivery.catalog) {
    ++delivery.attempt;
    return offer_question(group.topic->name, std::move(delivery));
  }
  forget_key(group, delivery, member_name);
  if (!may_have_run) {
    if (++delivery.losses < limits::kLossesMax) return redeliver(group, std::move(delivery));
    ++group.counters.worker_lost;
    answer(delivery, ErrorCode::worker_lost, "every skill server that got the intent was lost before it started it");
    return;
  }
  if (!parse(delivery)) return;
  const bool may_repeat = idempotent_skill || delivery.fields.idempotent;
  if (may_repeat && delivery.attempt < settings_.attempts_max) {
    ++delivery.attempt;
    redeliver(group, std::move(delivery));
    return;
  }
  ++group.counters.worker_lost;
  log::warn("intent lost with its skill server", {{"request_id", delivery.fields.address.request_id},
                                                  {"topic", group.topic->name},
                                                  {"attempt", delivery.attempt}});
  answer(delivery, ErrorCode::worker_lost,
         may_repeat ? "the skill servers of every attempt were lost while they ran the skill"
                    : "the skill server was lost while it ran the skill; whether it took effect is unknown");
}

// --- Answers ----------------------------------------------------------------------------------------------

bool Dispatcher::parse(Delivery& delivery) {
  const auto opened = open_envelope(delivery);
  if (!opened) refuse_malformed(delivery, opened.error());
  return bool(opened);
}

void Dispatcher::refuse(zmq::message_t& payload, const Error& error) {
  Delivery delivery = new_delivery(payload);
  refuse_malformed(delivery, error);
}

void Dispatcher::refuse_malformed(Delivery& delivery, const Error& error) {
  ++counters_.malformed;
  const auto address = find_return_address(delivery.payload.to_string_view());
  log::warn("malformed intent", {{"request_id", address ? address->request_id : ""},
                                 {"bytes", delivery.payload.size()},
                                 {"error", error.detail}});
  if (!address) return;
  delivery.fields.address = *address;
  delivery.parsed = true;
  answer(delivery, error.code, error.detail);
}

void Dispatcher::answer(Delivery& delivery, ErrorCode code, std::string text) {
  if (!parse(delivery)) return;
  const ReturnAddress& address = delivery.fields.address;
  Reply reply = Reply::failure(address.request_id, code, std::move(text));
  reply.timestamp = to_epoch_seconds(clock_.wall_now());
  reply.server = "proxy";
  reply.attempt = delivery.attempt;
  if (delivery.held.count() > 0) {
    reply.timing_ms.held = std::chrono::duration<double, std::milli>(delivery.held).count();
  }
  log::debug("answered by the proxy", {{"request_id", address.request_id}, {"code", name_of(code)}});
  if (!subscriptions_.wants(address.reply_to)) {
    known_runs_.remember(KnownRuns::key_of_request(address), {"", Error{code, reply.error}}, now());
  }
  ++counters_.answers[code];
  outbox_.answer(address.reply_to, reply);
}

bool Dispatcher::is_past_deadline(const Delivery& delivery) const {
  return delivery.parsed && delivery.fields.deadline && to_epoch_seconds(clock_.wall_now()) > *delivery.fields.deadline;
}

}  // namespace skillscale
