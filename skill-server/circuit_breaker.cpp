#include "skill-server/circuit_breaker.h"

#include <algorithm>

namespace skillscale {

Verdict verdict_of(const Reply& reply, bool had_full_time) {
  if (reply.success) return Verdict::healthy;
  const auto code = error_code_from_name(reply.code);
  if (!code) return Verdict::neutral;
  switch (*code) {
    case ErrorCode::skill_failed:
      return reply.exit && reply.exit->signal ? Verdict::broken : Verdict::healthy;
    case ErrorCode::spawn_failed:
    case ErrorCode::out_of_memory:
      return Verdict::broken;
    case ErrorCode::timed_out:
      return had_full_time ? Verdict::broken : Verdict::neutral;
    default:
      return Verdict::neutral;
  }
}

std::string_view name_of(BreakerState state) noexcept {
  switch (state) {
    case BreakerState::closed:
      return "closed";
    case BreakerState::half_open:
      return "half-open";
    case BreakerState::open:
      break;
  }
  return "open";
}

const CircuitBreakers::Breaker* CircuitBreakers::find(const Skill& skill) const {
  const auto found = breakers_.find(skill.name);
  return found != breakers_.end() && found->second.digest == skill.digest ? &found->second : nullptr;
}

CircuitBreakers::Answer CircuitBreakers::answer(const Breaker* breaker, SteadyTime now) const {
  if (breaker == nullptr || !breaker->open) return Answer::go;
  if (breaker->probing) return Answer::wait;
  return now < breaker->open_until ? Answer::refuse : Answer::go;
}

CircuitBreakers::Answer CircuitBreakers::on_arrival(const Skill& skill, SteadyTime now) const {
  const Answer decided = answer(find(skill), now);
  // Whoever comes while one run probes the skill is not kept waiting for it.
  return decided == Answer::wait ? Answer::refuse : decided;
}

CircuitBreakers::Answer CircuitBreakers::on_start(const Skill& skill, SteadyTime now) {
  const auto found = breakers_.find(skill.name);
  if (found == breakers_.end() || found->second.digest != skill.digest) return Answer::go;
  const Answer decided = answer(&found->second, now);
  if (decided == Answer::go && found->second.open) found->second.probing = true;
  return decided;
}

bool CircuitBreakers::is_probing(const Skill& skill) const {
  const Breaker* breaker = find(skill);
  return breaker != nullptr && breaker->probing;
}

void CircuitBreakers::ended(const Skill& skill, Verdict verdict, bool probe, SteadyTime now) {
  if (probe) drop_probe(skill);
  if (settings_.failures == 0 || verdict == Verdict::neutral) return;
  const auto found = breakers_.find(skill.name);
  if (verdict == Verdict::healthy) {
    // A run that began before it opened says little about now; a probe closes it.
    if (found != breakers_.end() && found->second.digest == skill.digest && (probe || !found->second.open)) {
      breakers_.erase(found);
    }
    return;
  }
  Breaker& breaker = found != breakers_.end() ? found->second : breakers_[skill.name];
  if (breaker.digest != skill.digest) {
    if (breaker.open) return;  // A late run of another version.
    breaker = Breaker{.digest = skill.digest, .open_until = {}};
  }
  if (breaker.open && !probe) return;
  if (++breaker.failures < settings_.failures && !breaker.open) return;
  breaker.cooldown = breaker.open ? std::min(2 * breaker.cooldown, settings_.cooldown_max) : settings_.cooldown;
  breaker.open = true;
  breaker.open_until = now + breaker.cooldown;
  ++opened_;
}

void CircuitBreakers::drop_probe(const Skill& skill) {
  const auto found = breakers_.find(skill.name);
  if (found != breakers_.end() && found->second.digest == skill.digest) found->second.probing = false;
}

std::string CircuitBreakers::refusal(const Skill& skill, SteadyTime now) const {
  const Breaker* breaker = find(skill);
  std::string text = "skill \"" + skill.name + "\" is not run for now";
  if (breaker == nullptr) return text;
  text += ": it crashed, timed out or could not be started " + std::to_string(breaker->failures) + " times in a row";
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(breaker->open_until - now);
  if (left.count() > 0) return text + "; it is tried again in " + std::to_string(left.count()) + " ms";
  return text + "; it is being tried again";
}

BreakerState CircuitBreakers::state(std::string_view skill, SteadyTime now) const {
  const auto found = breakers_.find(skill);
  if (found == breakers_.end() || !found->second.open) return BreakerState::closed;
  return now < found->second.open_until ? BreakerState::open : BreakerState::half_open;
}

std::map<std::string, BreakerState> CircuitBreakers::not_closed(SteadyTime now) const {
  std::map<std::string, BreakerState> states;
  for (const auto& [name, breaker] : breakers_) {
    if (const BreakerState now_is = state(name, now); now_is != BreakerState::closed) states.emplace(name, now_is);
  }
  return states;
}

void CircuitBreakers::keep(const std::function<bool(std::string_view, std::string_view)>& wanted) {
  std::erase_if(breakers_, [&](const auto& entry) { return !wanted(entry.first, entry.second.digest); });
}

}  // namespace skillscale
