#include "skill-server/runs.h"

#include <algorithm>
#include <iterator>

namespace skillscale {
namespace {

SharedReply make_failure(const RequestName& to, ErrorCode code, std::string error) {
  return std::make_shared<const Reply>(Reply::failure(to.address.request_id, code, std::move(error)));
}

// A repeat of an idempotency key gets the result of a run that came to its own
// end; one that was stopped or never began may be tried again.
bool settles_key(const Reply& reply) {
  return reply.code != name_of(ErrorCode::cancelled) && reply.code != name_of(ErrorCode::draining) &&
         reply.code != name_of(ErrorCode::spawn_failed) && reply.code != name_of(ErrorCode::internal);
}

EventTarget target_of(const RequestName& name, const Lease& lease) {
  return {.link = lease.link, .address = name.address, .attempt = lease.facts.attempt};
}

}  // namespace

Runs::Runs(Bounds bounds)
    : bounds_(bounds), cache_(bounds.cache_bytes_max, bounds.cache_time_max), breakers_(bounds.breaker) {}

std::string Runs::idempotency_name(const RunRequest& request) const {
  if (request.idempotency_key.empty()) return {};
  return joined_key({request.name.topic, request.name.group, request.idempotency_key});
}

// --- Arrival ------------------------------------------------------------------------------

void Runs::accept(RunRequest request, Lease lease, SteadyTime now) {
  if (by_token_.contains({lease.link, lease.token})) {
    ++counters_.repeated;
    return;
  }
  // Repeats first: what has run already is answered even past its deadline, and while draining.
  if (join(request, lease) || answer_from_cache(request, lease, now)) return;
  if (draining_) return give_back(std::move(lease));
  if (request.deadline && now >= *request.deadline) {
    ++counters_.expired;
    return answer_failure(std::move(lease), request.name, ErrorCode::expired,
                          "the deadline had passed when the intent reached the skill server");
  }
  const Skill* skill = request.work.skill.get();
  if (skill != nullptr && breakers_.on_arrival(*skill, now) == CircuitBreakers::Answer::refuse) {
    ++counters_.refused;
    return answer_failure(std::move(lease), request.name, ErrorCode::overloaded, breakers_.refusal(*skill, now));
  }
  if (by_token_.size() >= bounds_.leases_max) {
    return answer_failure(std::move(lease), request.name, ErrorCode::overloaded,
                          "the skill server holds " + std::to_string(by_token_.size()) + " intents already");
  }
  enqueue(std::move(request), std::move(lease), now);
  start_next(now);
}

// True when the lease is taken care of.
bool Runs::join(const RunRequest& request, Lease& lease) {
  const auto same_key = by_idempotency_.find(idempotency_name(request));
  if (same_key != by_idempotency_.end() && runs_.at(same_key->second).request.digest != request.digest) {
    answer_failure(std::move(lease), request.name, ErrorCode::invalid_request,
                   "idempotency_key \"" + request.idempotency_key + "\" was used for another intent");
    return true;
  }
  auto found = by_request_.find(request.name.key());
  // The same id for something else is not a repeat: clients that count their requests begin anew.
  if (found != by_request_.end() && runs_.at(found->second).request.digest != request.digest) found = by_request_.end();
  if (found == by_request_.end() && same_key == by_idempotency_.end()) return false;
  const RunId id = found != by_request_.end() ? found->second : same_key->second;
  Run& run = runs_.at(id);
  if (by_token_.size() >= bounds_.leases_max) {
    answer_failure(std::move(lease), request.name, ErrorCode::overloaded, "too many requests wait for one run");
    return true;
  }
  ++counters_.joined;
  add_claim(id, run, request, std::move(lease));
  if (run.state != State::queued) ask_one(run, run.claims.back());
  return true;
}

bool Runs::answer_from_cache(const RunRequest& request, Lease& lease, SteadyTime now) {
  const std::string key_name = idempotency_name(request);
  if (const auto* stored = cache_.find_idempotency(key_name, now)) {
    if (stored->digest != request.digest) {
      answer_failure(std::move(lease), request.name, ErrorCode::invalid_request,
                     "idempotency_key \"" + request.idempotency_key + "\" was used for another intent");
      return true;
    }
    ++counters_.from_cache;
    answer(std::move(lease), request.name, stored->reply);
    cache_.add_request(key_name, request.name);
    return true;
  }
  const auto* stored = cache_.find_request(request.name.key(), now);
  if (stored == nullptr || stored->digest != request.digest) return false;
  ++counters_.from_cache;
  answer(std::move(lease), request.name, stored->reply);
  return true;
}

// The new claim is the last one.
void Runs::add_claim(RunId id, Run& run, const RunRequest& request, Lease lease) {
  const RequestName& name = request.name;
  std::erase_if(run.claims, [&](const Claim& claim) { return !claim.lease && claim.name.address == name.address; });
  by_token_.emplace(Token{lease.link, lease.token}, id);
  if (request.stream && run.state != State::running) actions_.push_back(SendAccepted{target_of(name, lease)});
  run.claims.push_back(Claim{.name = name, .lease = std::move(lease), .stream = request.stream});
  add_to_indexes(id, run);
}

void Runs::enqueue(RunRequest request, Lease lease, SteadyTime now) {
  const RunId id = next_id_++;
  SkillPtr skill = request.work.skill;
  Run made{.request = std::move(request), .skill = std::move(skill), .claims = {}, .accepted = now, .asked = {}};
  Run& run = runs_.emplace(id, std::move(made)).first->second;
  add_claim(id, run, run.request, std::move(lease));
  waiting_.push_back(id);
}

// --- Starting -------------------------------------------------------------------------------

// Gives every free worker the next intent, in order of arrival.
void Runs::start_next(SteadyTime now) {
  const std::deque<RunId> order = asked_ + running_ < bounds_.workers ? waiting_ : std::deque<RunId>();
  for (const RunId id : order) {
    if (asked_ + running_ >= bounds_.workers) return;
    const auto found = runs_.find(id);
    if (found == runs_.end() || found->second.state != State::queued || expire(id, now)) continue;
    if (!may_begin(id, now)) continue;
    ask(found->second, now);
    if (found->second.request.idempotent) start(id, now);
  }
}

// False when it has to wait for other runs of its skill, or was answered because the skill's breaker is open.
bool Runs::may_begin(RunId id, SteadyTime now) {
  Run& run = runs_.at(id);
  if (!run.skill) return true;
  if (is_at_limit(*run.skill)) {
    if (!std::exchange(run.limited, true)) ++counters_.limited;
    return false;
  }
  const auto answer = breakers_.on_start(*run.skill, now);
  if (answer == CircuitBreakers::Answer::refuse) refuse_all(id, now);
  if (answer != CircuitBreakers::Answer::go) return false;
  run.probe = breakers_.is_probing(*run.skill);
  return true;
}

bool Runs::is_at_limit(const Skill& skill) const {
  std::size_t limit = skill.limits.concurrency.value_or(bounds_.workers);
  if (bounds_.per_skill_max > 0) limit = std::min(limit, bounds_.per_skill_max);
  const auto busy = busy_of_skill_.find(skill.name);
  return busy != busy_of_skill_.end() && busy->second >= limit;
}

void Runs::refuse_all(RunId id, SteadyTime now) {
  Run& run = runs_.at(id);
  for (Claim& claim : run.claims) {
    ++counters_.refused;
    Reply reply =
        Reply::failure(claim.name.address.request_id, ErrorCode::overloaded, breakers_.refusal(*run.skill, now));
    if (claim.stream) reply.last_seq = 0;  // As for one that expires.
    answer(std::move(*claim.lease), claim.name, std::make_shared<const Reply>(std::move(reply)));
  }
  remove(id);
}

void Runs::ask(Run& run, SteadyTime now) {
  run.state = State::asked;
  if (run.skill) ++busy_of_skill_[run.skill->name];
  run.asked = now;
  ++asked_;
  for (const Claim& claim : run.claims) ask_one(run, claim);
}

void Runs::ask_one(const Run& run, const Claim& claim) {
  actions_.push_back(AskStart{
      .link = claim.lease->link,
      .frame = {.token = claim.lease->token, .idempotent = run.request.idempotent, .timeout = run.request.timeout}});
}

void Runs::granted(std::size_t link, const std::string& token, SteadyTime now) {
  const auto id = find_by_token(link, token);
  if (!id) return;
  for (Claim& claim : runs_.at(*id).claims) {
    if (claim.lease && claim.lease->link == link && claim.lease->token == token) claim.granted = true;
  }
  start_if_granted(*id, now);
}

// Every lease of a run must be granted: a proxy that did not grant its own may
// have given the intent to another server already.
void Runs::start_if_granted(RunId id, SteadyTime now) {
  const Run& run = runs_.at(id);
  if (run.state != State::asked) return;
  if (!std::ranges::all_of(run.claims, &Claim::granted)) return;
  if (!expire(id, now)) start(id, now);
  start_next(now);
}

void Runs::start(RunId id, SteadyTime now) {
  Run& run = runs_.at(id);
  std::erase(waiting_, id);
  run.state = State::running;
  --asked_;
  ++running_;
  auto timeout = run.request.timeout;
  if (run.request.deadline) {
    // At least one millisecond: a run that was begun is also ended by its supervisor.
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*run.request.deadline - now);
    if (left < timeout) run.request.full_time = false;
    timeout = std::max(std::chrono::milliseconds(1), std::min(timeout, left));
  }
  actions_.push_back(Execute{.run = id,
                             .work = std::move(run.request.work),
                             .timeout = timeout,
                             .queued = now - run.accepted,
                             .stream = std::ranges::any_of(run.claims, &Claim::stream)});
}

// --- The end ----------------------------------------------------------------------------------

void Runs::finished(RunId id, Reply reply, SteadyTime now) {
  const auto found = runs_.find(id);
  if (found == runs_.end() || found->second.state != State::running) return;
  Run& run = found->second;
  if (run.draining && reply.code == name_of(ErrorCode::cancelled)) {
    reply.code = name_of(ErrorCode::draining);
    reply.error = "the skill server stopped before the run had ended";
  }
  if (run.skill) {
    const Verdict verdict = run.killed ? Verdict::neutral : verdict_of(reply, run.request.full_time);
    breakers_.ended(*run.skill, verdict, std::exchange(run.probe, false), now);
  }
  const auto shared = std::make_shared<const Reply>(std::move(reply));
  for (Claim& claim : run.claims) {
    if (claim.lease) answer(*claim.lease, claim.name, shared);
  }
  store(run, shared, now);
  remove(id);
  start_next(now);
}

void Runs::store(const Run& run, SharedReply reply, SteadyTime now) {
  ReplyCache::Stored stored{.requests = {},
                            .idempotency_name = {},
                            .idempotency_key = {},
                            .digest = run.request.digest,
                            .reply = std::move(reply)};
  for (const Claim& claim : run.claims) stored.requests.push_back(claim.name);
  if (settles_key(*stored.reply) && !run.killed) {
    stored.idempotency_name = idempotency_name(run.request);
    stored.idempotency_key = run.request.idempotency_key;
  }
  cache_.store(std::move(stored), now);
}

void Runs::cancel(std::size_t link, const std::string& token, SteadyTime now) {
  const auto id = find_by_token(link, token);
  if (!id) return;
  Run& run = runs_.at(*id);
  const auto claim = std::ranges::find_if(run.claims, [&](const Claim& candidate) {
    return candidate.lease && candidate.lease->link == link && candidate.lease->token == token;
  });
  if (run.state == State::running) {
    if (run.claims.size() == 1) return kill(*id, run);
    // Others wait for the same run: it goes on for them.
    answer_failure(*claim->lease, claim->name, ErrorCode::cancelled, "cancelled by the agent");
    return drop_claims(*id, run, [&](const Claim& candidate) { return &candidate == &*claim; });
  }
  if (run.claims.size() == 1) {
    give_back_all(*id);
    return start_next(now);
  }
  give_back(*claim->lease);
  drop_claims(*id, run, [&](const Claim& candidate) { return &candidate == &*claim; });
  start_if_granted(*id, now);
}

// The claims that remain may be for the same request as one that goes.
template <typename Match>
void Runs::drop_claims(RunId id, Run& run, Match match) {
  remove_from_indexes(id, run);
  std::vector<Claim> kept;
  for (Claim& claim : run.claims) {
    if (!match(claim)) kept.push_back(std::move(claim));
  }
  run.claims = std::move(kept);
  add_to_indexes(id, run);
}

void Runs::kill(RunId id, Run& run) {
  if (std::exchange(run.killed, true)) return;
  remove_from_indexes(id, run);
  actions_.push_back(Kill{.run = id});
}

void Runs::kill_all() {
  for (auto& [id, run] : runs_) {
    if (run.state != State::running) continue;
    run.draining = run.draining || !run.killed;
    kill(id, run);
  }
}

void Runs::drain(SteadyTime) {
  draining_ = true;
  for (const RunId id : std::deque<RunId>(waiting_)) give_back_all(id);
}

void Runs::connection_lost(std::size_t link, SteadyTime now) {
  const auto first = by_token_.lower_bound({link, std::string()});
  const auto last = by_token_.lower_bound({link + 1, std::string()});
  std::vector<RunId> touched;
  for (auto position = first; position != last; ++position) touched.push_back(position->second);
  by_token_.erase(first, last);
  std::vector<RunId> kept;  // Looked at once nothing of the lost connection is left.
  for (const RunId id : touched) {
    const auto found = runs_.find(id);
    if (found == runs_.end()) continue;
    Run& run = found->second;
    const auto is_lost = [link](const Claim& claim) { return claim.lease && claim.lease->link == link; };
    if (run.state == State::running) {
      for (Claim& claim : run.claims) {
        if (is_lost(claim)) claim.lease.reset();
      }
      continue;
    }
    counters_.dropped += static_cast<std::uint64_t>(std::ranges::count_if(run.claims, is_lost));
    drop_claims(id, run, is_lost);
    if (run.claims.empty()) {
      remove(id);
    } else {
      kept.push_back(id);
    }
  }
  for (const RunId id : kept) {
    if (runs_.contains(id)) start_if_granted(id, now);
  }
  start_next(now);
}

// True when the run was past its deadline and has been answered.
bool Runs::expire(RunId id, SteadyTime now) {
  Run& run = runs_.at(id);
  if (!run.request.deadline || now < *run.request.deadline) return false;
  for (Claim& claim : run.claims) {
    ++counters_.expired;
    Reply reply = Reply::failure(claim.name.address.request_id, ErrorCode::expired,
                                 "the deadline passed before a worker of the skill server was free");
    if (claim.stream) reply.last_seq = 0;  // `accepted` was all that happened.
    answer(std::move(*claim.lease), claim.name, std::make_shared<const Reply>(std::move(reply)));
  }
  remove(id);
  return true;
}

void Runs::tick(SteadyTime now) {
  for (const RunId id : std::deque<RunId>(waiting_)) {
    const auto found = runs_.find(id);
    if (found == runs_.end() || found->second.state == State::running || expire(id, now)) continue;
    if (found->second.state != State::asked || now - found->second.asked < bounds_.grant_wait_max) continue;
    ++counters_.not_granted;
    give_back_all(id);
  }
  cache_.expire(now);
  start_next(now);
}

std::optional<SteadyTime> Runs::next_wake() const {
  std::optional<SteadyTime> next;
  const auto consider = [&next](SteadyTime time) { next = next ? std::min(*next, time) : time; };
  for (const RunId id : waiting_) {
    const Run& run = runs_.at(id);
    if (run.request.deadline) consider(*run.request.deadline);
    if (run.state == State::asked) consider(run.asked + bounds_.grant_wait_max);
  }
  return next;
}

// --- Leases ---------------------------------------------------------------------------------------

void Runs::answer(Lease lease, const RequestName& to, SharedReply reply) {
  by_token_.erase({lease.link, lease.token});
  actions_.push_back(SendReply{.lease = std::move(lease), .to = to, .reply = std::move(reply)});
}

void Runs::answer_failure(Lease lease, const RequestName& to, ErrorCode code, std::string error) {
  answer(std::move(lease), to, make_failure(to, code, std::move(error)));
}

void Runs::give_back(Lease lease) {
  ++counters_.given_back;
  by_token_.erase({lease.link, lease.token});
  actions_.push_back(GiveBack{.link = lease.link, .token = std::move(lease.token)});
}

void Runs::give_back_all(RunId id) {
  for (Claim& claim : runs_.at(id).claims) give_back(*claim.lease);
  remove(id);
}

std::optional<RunId> Runs::find_by_token(std::size_t link, const std::string& token) const {
  const auto found = by_token_.find({link, token});
  if (found == by_token_.end()) return std::nullopt;
  return found->second;
}

// A run that is being killed takes no more joins.
void Runs::add_to_indexes(RunId id, const Run& run) {
  if (run.killed) return;
  for (const Claim& claim : run.claims) by_request_.try_emplace(claim.name.key(), id);
  if (!run.request.idempotency_key.empty()) by_idempotency_.try_emplace(idempotency_name(run.request), id);
}

void Runs::remove_from_indexes(RunId id, const Run& run) {
  const auto erase_own = [id](auto& index, const std::string& name) {
    const auto found = index.find(name);
    if (found != index.end() && found->second == id) index.erase(found);
  };
  for (const Claim& claim : run.claims) erase_own(by_request_, claim.name.key());
  erase_own(by_idempotency_, idempotency_name(run.request));
}

void Runs::remove(RunId id) {
  const auto found = runs_.find(id);
  const Run& run = found->second;
  remove_from_indexes(id, run);
  if (run.probe) breakers_.drop_probe(*run.skill);
  if (run.skill && run.state != State::queued) {
    const auto busy = busy_of_skill_.find(run.skill->name);
    if (--busy->second == 0) busy_of_skill_.erase(busy);
  }
  if (run.state == State::asked) --asked_;
  if (run.state == State::running) --running_;
  std::erase(waiting_, id);
  runs_.erase(found);
}

std::vector<EventTarget> Runs::event_targets(RunId id) const {
  std::vector<EventTarget> targets;
  const auto found = runs_.find(id);
  if (found == runs_.end()) return targets;
  for (const Claim& claim : found->second.claims) {
    if (claim.stream && claim.lease) targets.push_back(target_of(claim.name, *claim.lease));
  }
  return targets;
}

std::vector<AnnounceFrame::Run> Runs::announcements(std::string_view topic, std::string_view group) const {
  std::vector<AnnounceFrame::Run> list;
  const auto add = [&](const RequestName& name, const std::string& key) {
    if (name.topic != topic || name.group != group || list.size() >= limits::kAnnouncedMax) return;
    list.push_back({.address = name.address, .topic = name.topic, .idempotency_key = key});
  };
  for (const auto& [id, run] : runs_) {
    if (run.state != State::running || run.killed) continue;
    for (const Claim& claim : run.claims) add(claim.name, run.request.idempotency_key);
  }
  cache_.for_each([&](const ReplyCache::Stored& stored) {
    for (const RequestName& name : stored.requests) add(name, stored.idempotency_key);
  });
  return list;
}

std::optional<AnnounceFrame::Run> Runs::announcement_of(const RequestName& name, SteadyTime now) {
  std::string key;
  if (const auto found = by_request_.find(name.key()); found != by_request_.end()) {
    key = runs_.at(found->second).request.idempotency_key;
  } else if (const auto* stored = cache_.find_request(name.key(), now)) {
    key = stored->idempotency_key;
  } else {
    return std::nullopt;
  }
  return AnnounceFrame::Run{.address = name.address, .topic = name.topic, .idempotency_key = std::move(key)};
}

}  // namespace skillscale
