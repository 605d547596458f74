// Topics, their groups, and the members of each group.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "protocol/topic.h"
#include "proxy/hold.h"
#include "proxy/subscriptions.h"

namespace skillscale {

struct Topic;
struct Group;

// One skill server's membership of a group, known by its subscription.
struct Member {
  std::string name;      // The whole subscription.
  zmq::message_t frame;  // The same as a message frame, whose bytes all dispatches share.
  MemberName parts;
  Group* group = nullptr;
  std::uint32_t outstanding = 0;  // Credits taken.
  std::uint32_t joins = 0;        // Leases that take no credit.
  std::size_t connections = 1;    // Subscriptions of this very name.
  bool leaving = false;           // Takes no more intents.
  bool stalled = false;           // Its queue was full; tried again at the next sweep.
  bool unresponsive = false;      // Let a lease run out, and has not been heard of since.
  std::vector<std::uint32_t> leases;

  bool has_room() const noexcept { return !leaving && !stalled && outstanding < parts.credits; }
};

// Seconds, in the buckets of a Prometheus histogram.
struct Durations {
  static constexpr std::array<double, 14> kBounds = {0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5,
                                                     1,      2.5,   5,     10,   30,   60,  300};
  std::array<std::uint64_t, kBounds.size() + 1> counts{};  // The last: above every bound.
  double sum = 0;

  void observe(std::chrono::nanoseconds duration) noexcept;
  void add(const Durations& more) noexcept;
};

struct GroupCounters {
  std::uint64_t dispatched = 0;   // Leases opened.
  std::uint64_t completed = 0;    // Leases closed by a reply.
  std::uint64_t held = 0;         // Intents that had to wait.
  std::uint64_t redelivered = 0;  // Dispatched again after a member was lost.
  std::uint64_t given_back = 0;   // By a member, not started.
  std::uint64_t taken_back = 0;   // From a member that did not start it in time.
  std::uint64_t joined = 0;       // Sent to the member that has the run already.
  std::uint64_t expired = 0;      // Answered expired or no_capacity.
  std::uint64_t overflowed = 0;   // Answered overloaded.
  std::uint64_t cancelled = 0;
  std::uint64_t worker_lost = 0;
  std::uint64_t timed_out = 0;  // Leases past their deadline.
  Durations time_held;
  Durations time_leased;

  void add(const GroupCounters& more);
};

struct Group {
  Topic* topic = nullptr;
  std::string name;  // Empty: intents that came before any member.
  std::vector<Member*> members;
  std::size_t next_member = 0;  // Where the search for room begins, so that equals take turns.
  Hold hold;
  std::size_t inflight = 0;  // Leases that are neither revoked nor joins.
  SteadyTime empty_since;    // Without members since.
  GroupCounters counters;

  // The member with the lowest share of its credits taken; nullptr when none has room.
  Member* pick_member();
  // Another member has not only room, but probably a worker that waits: credits are one more than workers.
  bool has_idle_member_besides(const Member* member) const;
  std::uint64_t credits() const;
};

struct Topic {
  std::string name;
  std::map<std::string, std::unique_ptr<Group>> groups;
  // Re-sent intents whose member may still come back and announce them; due at their expiry.
  Hold settling;
  std::size_t next_asked = 0;  // Where the search for a member that answers about its catalogue begins.

  bool has_members() const;
  std::vector<Member*> staying_members() const;  // Of all groups; without those that are leaving.
  // A server has joined, now or not long ago.
  bool is_served() const;
  std::size_t pending() const;
};

// Owns them all. Not thread-safe.
class Roster {
 public:
  // nullptr when the name is no member name, or there are kMembersMax of them.
  Member* join(const std::string& name, SteadyTime now);
  Member* find_member(std::string_view name);
  // Ends the membership; its leases must be closed by now.
  void remove(Member& member, SteadyTime now);

  Topic* find_topic(std::string_view name);
  // Ends the wait of intents that came before any member, and returns them; none when the
  // topic is served.
  std::vector<Delivery> take_unserved(std::string_view name);
  // nullptr when there are kUnservedTopicsMax topics that nobody has ever served.
  Topic* add_unserved_topic(std::string_view name, SteadyTime now);

  // Drops groups that have been empty for long, and topics without any.
  void forget_empty(SteadyTime now);

  const StringMap<std::unique_ptr<Topic>>& topics() const noexcept { return topics_; }
  std::size_t members() const noexcept { return members_.size(); }
  // What groups had counted that are forgotten, so that no sum ever goes down.
  const GroupCounters& forgotten() const noexcept { return forgotten_; }
  const GroupCounters& forgotten_unserved() const noexcept { return forgotten_unserved_; }

 private:
  Topic& topic_named(std::string_view name);
  Group& group_named(Topic& topic, const std::string& name, SteadyTime now);
  void keep_counters(const Group& group);

  StringMap<std::unique_ptr<Topic>> topics_;
  StringMap<std::unique_ptr<Member>> members_;
  std::size_t unserved_ = 0;
  GroupCounters forgotten_;
  GroupCounters forgotten_unserved_;
};

}  // namespace skillscale
