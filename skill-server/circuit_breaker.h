// Keeps a skill that crashes again and again from taking the workers from the others.
//
//   closed --N failures in a row--> open --cool-down--> half-open --one probe--> closed
//                                    ^                                  |
//                                    +------ failed: twice as long -----+
//
// A failure is a run that says that the skill itself is broken: ended by a signal,
// out of time, out of memory, or not even started. An exit status is not one: the
// skill ran and had something to say. What says nothing of the skill (cancelled,
// drained, a fault of ours) counts neither way.
//
// A pure state machine: no clock but the times it is given.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "protocol/reply.h"
#include "skills/skill.h"

namespace skillscale {

// What a run says of its skill.
enum class Verdict : std::uint8_t { healthy, broken, neutral };

// `had_full_time`: the run was not given less time than the skill itself asks for. An agent
// that asks for a millisecond must not close a skill for the others.
Verdict verdict_of(const Reply& reply, bool had_full_time);

enum class BreakerState : std::uint8_t { closed, half_open, open };
std::string_view name_of(BreakerState state) noexcept;

// The breakers of one server, one for each skill that has failed lately. Owned by one thread.
class CircuitBreakers {
 public:
  struct Settings {
    std::size_t failures = 0;  // In a row until it opens; 0: no breaker.
    std::chrono::milliseconds cooldown{};
    std::chrono::milliseconds cooldown_max{};  // The doubling ends here.
  };
  enum class Answer : std::uint8_t {
    go,
    wait,    // One run probes the skill: the next is decided after it.
    refuse,  // Open.
  };

  explicit CircuitBreakers(Settings settings) : settings_(settings) {}

  // What is to become of an intent for the skill that arrives now.
  Answer on_arrival(const Skill& skill, SteadyTime now) const;
  // The same for a run that could begin now. `go` of a skill that is not closed makes
  // this run the probe: is_probing() is true until it has ended or was dropped.
  Answer on_start(const Skill& skill, SteadyTime now);
  bool is_probing(const Skill& skill) const;

  void ended(const Skill& skill, Verdict verdict, bool probe, SteadyTime now);
  // A probe that was never run: another run may be it.
  void drop_probe(const Skill& skill);

  // Why it was refused, for the agent.
  std::string refusal(const Skill& skill, SteadyTime now) const;

  BreakerState state(std::string_view skill, SteadyTime now) const;
  // Skills that are not closed, by name.
  std::map<std::string, BreakerState> not_closed(SteadyTime now) const;
  // Forgets the skills for which `wanted` is false.
  void keep(const std::function<bool(std::string_view name, std::string_view digest)>& wanted);

  std::uint64_t opened() const noexcept { return opened_; }  // How often any of them has opened.

 private:
  struct Breaker {
    std::string digest;  // Of the version that failed: a repaired skill begins anew.
    std::size_t failures = 0;
    bool open = false;  // Also while it is half-open.
    bool probing = false;
    SteadyTime open_until;
    std::chrono::milliseconds cooldown{};  // Of the last opening.
  };
  const Breaker* find(const Skill& skill) const;
  Answer answer(const Breaker* breaker, SteadyTime now) const;

  const Settings settings_;
  std::map<std::string, Breaker, std::less<>> breakers_;  // At most one for each skill of the catalogue.
  std::uint64_t opened_ = 0;
};

}  // namespace skillscale
