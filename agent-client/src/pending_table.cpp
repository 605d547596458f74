#include "agent-client/pending_table.h"

#include <algorithm>

#include "base/check.h"

namespace skillscale::agent {

// Until it was sent once, also the time to connect counts.
SteadyTime PendingTable::due_time(const PendingRequest& request) {
  return request.sent ? request.deadline : std::min(request.deadline, request.connect_deadline);
}

bool PendingTable::add(PendingRequest& request) {
  const auto [entry, is_new] = by_id_.try_emplace(request.request_id, next_);
  if (!is_new) return false;
  due_.emplace(due_time(request), next_);
  unsent_.insert(next_);
  requests_.emplace(next_, std::move(request));
  ++next_;
  return true;
}

const PendingRequest* PendingTable::next_unsent() const {
  return unsent_.empty() ? nullptr : &requests_.at(*unsent_.begin());
}

void PendingTable::mark_sent(std::size_t link) {
  SK_CHECK(!unsent_.empty());
  const Sequence sequence = *unsent_.begin();
  PendingRequest& request = requests_.at(sequence);
  unsent_.erase(unsent_.begin());
  due_.erase({due_time(request), sequence});
  request.sent = true;
  request.link = link;
  due_.emplace(due_time(request), sequence);
}

void PendingTable::requeue(std::size_t link) {
  for (const auto& [sequence, request] : requests_) {
    if (request.sent && request.link == link) unsent_.insert(sequence);
  }
}

std::optional<SteadyTime> PendingTable::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

PendingRequest* PendingTable::find(const std::string& request_id) {
  const auto entry = by_id_.find(request_id);
  return entry == by_id_.end() ? nullptr : &requests_.at(entry->second);
}

std::optional<PendingRequest> PendingTable::take(const std::string& request_id, Ending ending) {
  const auto entry = by_id_.find(request_id);
  if (entry == by_id_.end()) return std::nullopt;
  return take_at(requests_.find(entry->second), ending);
}

std::vector<PendingRequest> PendingTable::take_due(SteadyTime now) {
  std::vector<PendingRequest> taken;
  while (!due_.empty() && due_.begin()->first <= now) {
    taken.push_back(take_at(requests_.find(due_.begin()->second), Ending::given_up));
  }
  return taken;
}

std::vector<PendingRequest> PendingTable::take_published_before(SteadyTime instant) {
  std::vector<PendingRequest> taken;
  // Requests stand in the order of publishing but for a few microseconds
  // between threads, so all are looked at.
  for (auto position = requests_.begin(); position != requests_.end();) {
    const auto here = position++;
    if (here->second.published < instant) taken.push_back(take_at(here, Ending::given_up));
  }
  return taken;
}

std::vector<PendingRequest> PendingTable::take_all() { return take_published_before(SteadyTime::max()); }

PendingRequest PendingTable::take_at(std::map<Sequence, PendingRequest>::iterator position, Ending ending) {
  SK_CHECK(position != requests_.end());
  const Sequence sequence = position->first;
  PendingRequest request = std::move(position->second);
  requests_.erase(position);
  unsent_.erase(sequence);
  due_.erase({due_time(request), sequence});
  by_id_.erase(request.request_id);
  remember(request.request_id, ending);
  return request;
}

void PendingTable::remember(const std::string& request_id, Ending ending) {
  // An id that the caller uses again keeps its place and gets its new ending.
  if (ended_.insert_or_assign(request_id, ending).second) ended_order_.push_back(request_id);
  if (ended_order_.size() <= ended_max_) return;
  ended_.erase(ended_order_.front());
  ended_order_.pop_front();
}

Standing PendingTable::standing(const std::string& request_id) const {
  if (by_id_.contains(request_id)) return Standing::pending;
  const auto ended = ended_.find(request_id);
  if (ended == ended_.end()) return Standing::unknown;
  return ended->second == Ending::answered ? Standing::answered : Standing::given_up;
}

}  // namespace skillscale::agent
