// One intent, one member, one answer.
//
// The rules, without sockets: which member gets an intent, what is held, what
// is tried again and what is answered when nobody can. docs/architecture.md
// ("The life of an intent") tells the story; docs/protocol.md has the frames.
//
//   arrived -> held -> leased -> granted -> answered by the member
//                ^        |         |
//                +--------+---------+--- member lost, gave it back, or did not start it
//
// An intent that was granted is dispatched again only when it may be repeated.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "protocol/fabric.h"
#include "protocol/reply.h"
#include "proxy/known_runs.h"
#include "proxy/lease_table.h"
#include "proxy/roster.h"
#include "proxy/subscriptions.h"

namespace skillscale {

// What a dispatcher does to the world.
class Outbox {
 public:
  virtual ~Outbox() = default;
  // [member, payload, token, facts]. False when the member's queue is full. Does not change `payload`.
  virtual bool dispatch(Member& member, zmq::message_t& payload, const Token& token, const DeliveryFacts& facts) = 0;
  // [member, control, token]. False when the member's queue is full.
  virtual bool control(const Member& member, std::string_view control, const Token& token) = 0;
  // A final reply that the proxy itself makes.
  virtual void answer(const std::string& reply_to, const Reply& reply) = 0;
};

struct DispatcherSettings {
  std::vector<std::string> held_patterns = {"TOPIC_*"};
  std::chrono::milliseconds hold_max = limits::kHoldTimeMax;
  std::size_t hold_topic_bytes_max = limits::kHoldTopicBytesMax;
  std::size_t hold_bytes_max = limits::kHoldBytesMax;
  std::uint32_t attempts_max = limits::kAttemptsMax;
};

// Counters that belong to no group.
struct DispatcherCounters {
  std::uint64_t stale_tokens = 0;              // Frames whose token names no live lease.
  std::uint64_t late_replies = 0;              // Replies of leases that were taken back.
  std::uint64_t malformed = 0;                 // Intents and frames that could not be parsed.
  std::uint64_t garbled_replies = 0;           // Replies of members that were none.
  std::uint64_t no_skill_server = 0;           // Answered no_skill_server.
  std::uint64_t overloaded = 0;                // Answered overloaded before any group had them.
  std::uint64_t refused_members = 0;           // Joins past kMembersMax.
  std::uint64_t resent = 0;                    // Intents that came with the re-send frame.
  std::uint64_t resent_known = 0;              // Of these: on their way already, so nothing to do.
  std::uint64_t unknown_cancels = 0;           // Cancels of intents that are not here.
  std::uint64_t unresponsive = 0;              // Members that let a lease run out.
  std::uint64_t catalog = 0;                   // Questions about a catalogue.
  std::map<ErrorCode, std::uint64_t> answers;  // Final replies that the proxy made.
};

// Not thread-safe. `outbox`, `subscriptions` and `clock` outlive it.
class Dispatcher {
 public:
  Dispatcher(DispatcherSettings settings, Outbox& outbox, const Subscriptions& subscriptions, const Clock& clock,
             std::uint64_t proxy_id);

  // --- From agents -----------------------------------------------------------------

  // True when the intent is taken care of. False when the topic is plain
  // pub/sub: the message then goes to whoever is subscribed.
  bool accept(std::string_view topic, zmq::message_t& payload, bool resent);
  void cancel(const ReturnAddress& address);
  // A question about the skills of a topic: for one member of any group, without credit. Never held.
  void ask_catalog(std::string_view topic, zmq::message_t& payload);
  // A plain subscriber of exactly this topic has come. Returns the intents that
  // waited for a first member: they are the subscriber's now.
  std::vector<Delivery> hand_over(std::string_view topic);
  // Answers an intent that is not even opened, if it says whom to answer.
  void refuse(zmq::message_t& payload, const Error& error);

  // --- From members ------------------------------------------------------------------

  void join(const std::string& member_name);
  void leave(std::string_view member_name);  // Its connection or its subscription ended.
  // True when the reply is to be passed on to `reply_to`; false when it is stale.
  // A reply that cannot be one (not `well_formed`) is replaced by an error of the proxy.
  bool finish(std::string_view token, std::string_view reply_to, bool well_formed = true);
  void start(const StartFrame& frame);
  void give_back(const GiveBackFrame& frame);
  void announce(const AnnounceFrame& frame);
  void stop_dispatch(const LeaveFrame& frame);  // The member is draining.
  bool has_member(std::string_view name) { return roster_.find_member(name) != nullptr; }

  // --- Time ----------------------------------------------------------------------------

  // Answers what has run out and takes back what was not started. Call every kSweepInterval.
  void sweep();
  // Answers everything that has not been started with `draining`, and from now on each new intent.
  void drain();
  std::size_t runs_in_progress();  // Leases whose run may be going on.
  std::size_t live_leases() const noexcept { return leases_.live(); }

  // --- For metrics -------------------------------------------------------------------------

  const Roster& roster() const noexcept { return roster_; }
  const DispatcherCounters& counters() const noexcept { return counters_; }
  std::size_t held_bytes() const noexcept { return held_bytes_; }
  std::uint64_t known_runs_evicted() const noexcept { return known_runs_.evicted(); }

 private:
  using Slot = std::uint32_t;

  bool is_held(std::string_view topic) const;
  bool parse(Delivery& delivery);
  Delivery new_delivery(zmq::message_t& payload);

  void offer(Group& group, Delivery delivery);
  bool offer_to_owner_of_key(Group& group, Delivery& delivery);
  bool lease(Group& group, Delivery& delivery);
  bool lease_to(Member& member, Delivery& delivery, bool joins);
  void offer_question(std::string_view topic_name, Delivery delivery);
  bool lease_question(Topic& topic, const std::vector<Member*>& members, Delivery& delivery);
  void join_run(Member& member, Delivery delivery);
  void hold(Group& group, Delivery delivery, bool front);
  void pump(Group& group);
  void accept_resent(std::string_view topic_name, Delivery delivery);
  bool may_be_a_repeat(Delivery& delivery);
  void settle(std::string_view topic_name, Delivery delivery, SteadyTime until);
  void settle_done(Topic& topic, Delivery delivery);

  void lose(Slot slot);
  void redeliver(Group& group, Delivery delivery);
  Delivery revoke(Slot slot);
  void forget_key(const Group& group, Delivery& delivery, const std::string& member_name);
  void release(Slot slot);
  void forget_address(Slot slot);
  void sweep_leases();
  void sweep_lease(Slot slot, SteadyTime now);
  void mark_unresponsive(Member& member, std::string_view request_id);
  bool cancel_waiting(const ReturnAddress& address);
  void cancel_lease(Slot slot, const ReturnAddress& address);

  void index_leases();
  void index_lease(Slot slot);
  std::vector<Slot> leases_of(const ReturnAddress& address);

  void answer(Delivery& delivery, ErrorCode code, std::string text);
  void refuse_malformed(Delivery& delivery, const Error& error);
  bool is_past_deadline(const Delivery& delivery) const;
  SteadyTime now() const noexcept { return clock_.steady_now(); }

  const DispatcherSettings settings_;
  Outbox& outbox_;
  const Subscriptions& subscriptions_;
  const Clock& clock_;
  Roster roster_;
  LeaseTable leases_;
  KnownRuns known_runs_;
  // Filled only while intents are cancelled or re-sent: the straight path opens no envelope.
  std::unordered_multimap<std::string, Slot> lease_of_address_;
  SteadyTime index_until_;
  bool indexing_ = false;
  const SteadyTime started_;
  std::size_t held_bytes_ = 0;
  bool draining_ = false;
  DispatcherCounters counters_;
};

}  // namespace skillscale
