#include "proxy/hold.h"

#include <utility>

#include "base/check.h"
#include "base/limits.h"

namespace skillscale {

std::string address_key(const ReturnAddress& address) { return address.reply_to + '\0' + address.request_id; }

std::size_t Hold::cost_of(const Delivery& delivery) noexcept {
  return delivery.payload.size() + limits::kHoldOverheadBytes;
}

void Hold::push(Delivery delivery, Expiry expiry, bool front) {
  SK_CHECK(delivery.parsed);
  const Id id = next_id_++;
  Level& level = levels_.at(static_cast<std::size_t>(delivery.fields.priority));
  const std::string& agent_name = delivery.fields.address.reply_to;
  auto known = level.agents.find(agent_name);
  if (known == level.agents.end()) {
    level.turns.push_back(Agent{agent_name, {}});
    known = level.agents.emplace(agent_name, std::prev(level.turns.end())).first;
  }
  const Turns::iterator agent = known->second;
  const auto place = agent->waiting.insert(front ? agent->waiting.begin() : agent->waiting.end(), id);

  bytes_ += cost_of(delivery);
  by_address_[address_key(delivery.fields.address)] = id;
  Entry entry{std::move(delivery), expiry, &level, agent, place, {}, {}};
  entry.expiry_place = by_expiry_.emplace(expiry.at, id);
  entry.age_place = by_age_.emplace(entry.delivery.arrived, id);
  entries_.emplace(id, std::move(entry));
}

Delivery Hold::take(std::unordered_map<Id, Entry>::iterator found) {
  Entry& entry = found->second;
  const Turns::iterator agent = entry.agent;
  agent->waiting.erase(entry.place);
  if (agent->waiting.empty()) {
    entry.level->agents.erase(agent->name);
    entry.level->turns.erase(agent);
  }
  by_expiry_.erase(entry.expiry_place);
  by_age_.erase(entry.age_place);
  const auto address = by_address_.find(address_key(entry.delivery.fields.address));
  if (address != by_address_.end() && address->second == found->first) by_address_.erase(address);
  bytes_ -= cost_of(entry.delivery);
  Delivery delivery = std::move(entry.delivery);
  entries_.erase(found);
  return delivery;
}

std::optional<Delivery> Hold::pop() {
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    if (level->turns.empty()) continue;
    const Id id = level->turns.front().waiting.front();
    // The agent goes to the end of the line before its intent is taken, which may end its place in it.
    level->turns.splice(level->turns.end(), level->turns, level->turns.begin());
    return take(entries_.find(id));
  }
  return std::nullopt;
}

std::optional<Delivery> Hold::remove(const ReturnAddress& address) {
  const auto found = by_address_.find(address_key(address));
  if (found == by_address_.end()) return std::nullopt;
  return take(entries_.find(found->second));
}

bool Hold::contains(const ReturnAddress& address) const { return by_address_.count(address_key(address)) != 0; }

std::vector<Hold::Expired> Hold::remove_expired(SteadyTime now) {
  std::vector<Expired> expired;
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    const auto entry = entries_.find(by_expiry_.begin()->second);
    const ErrorCode code = entry->second.expiry.code;
    expired.push_back({take(entry), code});
  }
  return expired;
}

std::vector<Delivery> Hold::remove_all() {
  std::vector<Delivery> all;
  all.reserve(entries_.size());
  while (auto delivery = pop()) all.push_back(std::move(*delivery));
  return all;
}

void Hold::take_all(Hold& other) {
  while (!other.entries_.empty()) {
    // By age, so that each agent's intents keep their order.
    const auto entry = other.entries_.find(other.by_age_.begin()->second);
    const Expiry expiry = entry->second.expiry;
    push(other.take(entry), expiry);
  }
}

std::optional<SteadyTime> Hold::next_expiry() const {
  if (by_expiry_.empty()) return std::nullopt;
  return by_expiry_.begin()->first;
}

std::optional<SteadyTime> Hold::oldest() const {
  if (by_age_.empty()) return std::nullopt;
  return by_age_.begin()->first;
}

}  // namespace skillscale
