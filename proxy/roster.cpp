#include "proxy/roster.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/limits.h"

namespace skillscale {

namespace {

constexpr std::uint64_t GroupCounters::*kGroupCounters[] = {
    &GroupCounters::dispatched, &GroupCounters::completed,  &GroupCounters::held,        &GroupCounters::redelivered,
    &GroupCounters::given_back, &GroupCounters::taken_back, &GroupCounters::joined,      &GroupCounters::expired,
    &GroupCounters::overflowed, &GroupCounters::cancelled,  &GroupCounters::worker_lost, &GroupCounters::timed_out,
};

}  // namespace

void Durations::observe(std::chrono::nanoseconds duration) noexcept {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto* const bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++counts[static_cast<std::size_t>(bound - kBounds.begin())];
  sum += seconds;
}

void Durations::add(const Durations& more) noexcept {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += more.counts[i];
  sum += more.sum;
}

void GroupCounters::add(const GroupCounters& more) {
  for (auto counter : kGroupCounters) this->*counter += more.*counter;
  time_held.add(more.time_held);
  time_leased.add(more.time_leased);
}

Member* Group::pick_member() {
  Member* best = nullptr;
  for (std::size_t i = 0; i < members.size(); ++i) {
    Member* member = members[(next_member + i) % members.size()];
    if (!member->has_room()) continue;
    // outstanding / credits, compared without dividing.
    const bool lower = best == nullptr || std::uint64_t{member->outstanding} * best->parts.credits <
                                              std::uint64_t{best->outstanding} * member->parts.credits;
    if (lower) best = member;
  }
  if (best != nullptr) ++next_member;
  return best;
}

bool Group::has_idle_member_besides(const Member* member) const {
  return std::any_of(members.begin(), members.end(), [&](const Member* other) {
    const bool idle = other->outstanding == 0 || other->outstanding + 1 < other->parts.credits;
    return other != member && other->has_room() && idle;
  });
}

std::uint64_t Group::credits() const {
  std::uint64_t sum = 0;
  for (const Member* member : members) sum += member->leaving ? 0 : member->parts.credits;
  return sum;
}

bool Topic::has_members() const {
  return std::any_of(groups.begin(), groups.end(), [](const auto& entry) { return !entry.second->members.empty(); });
}

std::vector<Member*> Topic::staying_members() const {
  std::vector<Member*> staying;
  for (const auto& [group_name, group] : groups) {
    std::ranges::copy_if(group->members, std::back_inserter(staying), [](const Member* m) { return !m->leaving; });
  }
  return staying;
}

bool Topic::is_served() const { return !groups.empty() && groups.count("") == 0; }

std::size_t Topic::pending() const {
  std::size_t sum = settling.size();
  for (const auto& [group_name, group] : groups) sum += group->hold.size();
  return sum;
}

Member* Roster::join(const std::string& name, SteadyTime now) {
  if (Member* known = find_member(name)) {
    ++known->connections;
    return known;
  }
  const auto parts = parse_member_name(name);
  if (!parts || members_.size() >= limits::kMembersMax) return nullptr;

  Group& group = group_named(topic_named(parts->topic), parts->group, now);
  auto member = std::make_unique<Member>();
  member->name = name;
  member->frame = zmq::message_t(name);
  member->parts = *parts;
  member->group = &group;
  group.members.push_back(member.get());
  return members_.emplace(name, std::move(member)).first->second.get();
}

Member* Roster::find_member(std::string_view name) {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : found->second.get();
}

void Roster::remove(Member& member, SteadyTime now) {
  SK_CHECK(member.leases.empty());
  Group& group = *member.group;
  group.members.erase(std::find(group.members.begin(), group.members.end(), &member));
  group.empty_since = now;
  members_.erase(members_.find(member.name));
}

Topic* Roster::find_topic(std::string_view name) {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

Topic& Roster::topic_named(std::string_view name) {
  if (Topic* known = find_topic(name)) return *known;
  auto topic = std::make_unique<Topic>();
  topic->name = name;
  return *topics_.emplace(std::string(name), std::move(topic)).first->second;
}

Group& Roster::group_named(Topic& topic, const std::string& name, SteadyTime now) {
  const auto known = topic.groups.find(name);
  if (known != topic.groups.end()) return *known->second;

  auto group = std::make_unique<Group>();
  group->topic = &topic;
  group->name = name;
  group->empty_since = now;
  const auto unassigned = topic.groups.find("");
  if (unassigned != topic.groups.end()) {
    // The first group of a topic inherits what came before it.
    group->hold.take_all(unassigned->second->hold);
    keep_counters(*unassigned->second);
    topic.groups.erase(unassigned);
    --unserved_;
  }
  return *topic.groups.emplace(name, std::move(group)).first->second;
}

std::vector<Delivery> Roster::take_unserved(std::string_view name) {
  Topic* topic = find_topic(name);
  if (topic == nullptr) return {};
  const auto unassigned = topic->groups.find("");
  if (unassigned == topic->groups.end()) return {};
  std::vector<Delivery> waiting = unassigned->second->hold.remove_all();
  for (Delivery& delivery : topic->settling.remove_all()) waiting.push_back(std::move(delivery));
  return waiting;
}

Topic* Roster::add_unserved_topic(std::string_view name, SteadyTime now) {
  Topic* known = find_topic(name);
  if (known != nullptr && !known->groups.empty()) return known;
  if (unserved_ >= limits::kUnservedTopicsMax) return nullptr;
  ++unserved_;
  Topic& topic = topic_named(name);
  auto group = std::make_unique<Group>();
  group->topic = &topic;
  group->empty_since = now;
  topic.groups.emplace("", std::move(group));
  return &topic;
}

void Roster::keep_counters(const Group& group) {
  (group.name.empty() ? forgotten_unserved_ : forgotten_).add(group.counters);
}

void Roster::forget_empty(SteadyTime now) {
  for (auto topic = topics_.begin(); topic != topics_.end();) {
    auto& groups = topic->second->groups;
    for (auto entry = groups.begin(); entry != groups.end();) {
      const Group& group = *entry->second;
      const bool in_use = !group.members.empty() || !group.hold.empty() || group.inflight > 0;
      // A group that never had an intent leaves nothing behind: joining and leaving cost nothing.
      const bool had_intents = group.counters.dispatched + group.counters.held > 0;
      const bool remembered = !group.name.empty() && had_intents && now - group.empty_since < limits::kGroupMemory;
      if (in_use || remembered) {
        ++entry;
        continue;
      }
      if (group.name.empty()) --unserved_;
      keep_counters(group);
      entry = groups.erase(entry);
    }
    const bool empty = groups.empty() && topic->second->settling.empty();
    topic = empty ? topics_.erase(topic) : std::next(topic);
  }
}

}  // namespace skillscale
