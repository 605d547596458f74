// What a skill server holds: every intent from its arrival to its end.
//
// A pure state machine: no sockets, no processes, no clock but the times it is
// given. It says what is to be done as actions, in order; the server does them.
//
//   accepted -> queued -> asked (start not granted yet) -> running -> answered
//      |          |         |                                 |
//      |          +---------+--> given back, expired, or dropped with its connection
//      +--> answered at once: stored reply, key misuse, expired, overloaded
//
// A run whose skill has as many runs as it may have stays queued, and those behind it
// overtake it; runs of one skill keep their order. A skill whose circuit breaker is open
// is answered `overloaded`, but what has run already is still answered from the store.
//
// One run may answer several leases: a repeat of a request, or of its idempotency
// key, joins the run instead of starting a second one. Each of them has a claim on the
// run. A claim loses its lease with the connection it came from, but stays on a
// running run: when the agent sends its intent again, it finds the run.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "engine/run_work.h"
#include "protocol/fabric.h"
#include "protocol/intent.h"
#include "protocol/reply.h"
#include "skill-server/circuit_breaker.h"
#include "skill-server/reply_cache.h"
#include "skills/digest.h"
#include "skills/skill.h"

namespace skillscale {

using RunId = std::uint64_t;

// A proxy's record that one intent is here; ends with the reply or by giving back.
struct Lease {
  std::size_t link = 0;  // The connection to the proxy that gave it.
  std::string token;
  DeliveryFacts facts;
};

// An intent that is to be run.
struct RunRequest {
  RequestName name;
  std::string idempotency_key;  // Empty: none.
  Digest digest;
  bool idempotent = false;              // The intent or the skill says so: starts without being granted.
  bool stream = false;                  // Wants events.
  std::chrono::milliseconds timeout{};  // The longest that the run may take.
  bool full_time = true;                // Not less than the skill would have had without the agent's word.
  std::optional<SteadyTime> deadline;   // Not started after this.
  RunWork work;
};

// Who is told of a run while it goes on.
struct EventTarget {
  std::size_t link = 0;
  ReturnAddress address;
  std::uint32_t attempt = 1;
};

// --- What is to be done ------------------------------------------------------------

struct AskStart {
  std::size_t link = 0;
  StartFrame frame;
};
// The caller has a free worker for each: never more of them than workers.
struct Execute {
  RunId run = 0;
  RunWork work;
  std::chrono::milliseconds timeout{};
  std::chrono::nanoseconds queued{};
  bool stream = false;  // Somebody wants its events.
};
// The first event of a run; the others are made where the run is watched.
struct SendAccepted {
  EventTarget to;
};
struct SendReply {
  Lease lease;
  RequestName to;  // Whose request_id the reply carries on the wire.
  SharedReply reply;
};
struct GiveBack {
  std::size_t link = 0;
  std::string token;
};
struct Kill {
  RunId run = 0;
};
using Action = std::variant<AskStart, Execute, SendAccepted, SendReply, GiveBack, Kill>;

// Owned by one thread.
class Runs {
 public:
  struct Bounds {
    std::size_t workers = 1;
    std::size_t per_skill_max = 0;               // Runs of one skill at once; 0: as many as workers.
    std::size_t leases_max = 1;                  // Past it a lease is answered `overloaded`.
    std::chrono::milliseconds grant_wait_max{};  // A start that is not granted by then is given back.
    std::size_t cache_bytes_max = 0;
    std::chrono::milliseconds cache_time_max{};
    CircuitBreakers::Settings breaker{};
  };
  struct Counters {
    std::uint64_t joined = 0;       // Leases that joined a run.
    std::uint64_t from_cache = 0;   // Leases answered from the reply cache.
    std::uint64_t given_back = 0;   // Leases.
    std::uint64_t dropped = 0;      // Leases lost with their connection before they started.
    std::uint64_t expired = 0;      // Leases.
    std::uint64_t repeated = 0;     // Dispatches under a token that is here already: ignored.
    std::uint64_t not_granted = 0;  // Runs whose start nobody granted in time.
    std::uint64_t limited = 0;      // Runs that had to wait for another run of their skill.
    std::uint64_t refused = 0;      // Leases answered at once because the skill's breaker is open.
  };

  explicit Runs(Bounds bounds);

  void accept(RunRequest request, Lease lease, SteadyTime now);
  // What the proxy says about a lease. An unknown token means nothing: the lease has ended here.
  void granted(std::size_t link, const std::string& token, SteadyTime now);
  void cancel(std::size_t link, const std::string& token, SteadyTime now);
  void connection_lost(std::size_t link, SteadyTime now);
  void finished(RunId run, Reply reply, SteadyTime now);
  // Gives back what has not started; from now on only joins are accepted.
  void drain(SteadyTime now);
  // Kills what runs; each is answered `draining` unless it ends by itself first.
  void kill_all();
  // Ends what has waited too long. Call it at next_wake(), or any time.
  void tick(SteadyTime now);
  std::optional<SteadyTime> next_wake() const;

  std::vector<Action> take_actions() { return std::exchange(actions_, {}); }

  // Who wants the events of a run in progress, and can be reached. It may change from one moment to the next.
  std::vector<EventTarget> event_targets(RunId run) const;

  // Runs in progress and stored replies of one membership, for `@a`.
  std::vector<AnnounceFrame::Run> announcements(std::string_view topic, std::string_view group) const;
  // The same for one request, also when it only waits here; nothing when it is not known.
  std::optional<AnnounceFrame::Run> announcement_of(const RequestName& name, SteadyTime now);

  std::size_t waiting() const noexcept { return waiting_.size(); }
  std::size_t running() const noexcept { return running_; }
  std::size_t leases() const noexcept { return by_token_.size(); }
  const Counters& counters() const noexcept { return counters_; }
  const ReplyCache& cache() const noexcept { return cache_; }
  const CircuitBreakers& breakers() const noexcept { return breakers_; }
  // Forgets the breakers of skills that are not, or not in this version, in the catalogue any more.
  void keep_breakers(const std::function<bool(std::string_view name, std::string_view digest)>& wanted) {
    breakers_.keep(wanted);
  }

 private:
  enum class State : std::uint8_t { queued, asked, running };
  struct Claim {
    RequestName name;
    std::optional<Lease> lease;
    bool granted = false;
    bool stream = false;
  };
  struct Run {
    RunRequest request;
    SkillPtr skill;  // Null in tests that need none.
    State state = State::queued;
    std::vector<Claim> claims;
    SteadyTime accepted;
    SteadyTime asked;
    bool killed = false;    // Takes no more joins; its end is not stored for repeats of its key.
    bool draining = false;  // Killed because the server stops.
    bool limited = false;   // Has waited for its skill.
    bool probe = false;     // Its end decides whether the skill's breaker closes.
  };
  using Token = std::pair<std::size_t, std::string>;

  std::string idempotency_name(const RunRequest& request) const;
  bool join(const RunRequest& request, Lease& lease);
  bool answer_from_cache(const RunRequest& request, Lease& lease, SteadyTime now);
  void add_claim(RunId id, Run& run, const RunRequest& request, Lease lease);
  void enqueue(RunRequest request, Lease lease, SteadyTime now);
  void start_next(SteadyTime now);
  bool may_begin(RunId id, SteadyTime now);
  bool is_at_limit(const Skill& skill) const;
  void refuse_all(RunId id, SteadyTime now);
  void ask(Run& run, SteadyTime now);
  void ask_one(const Run& run, const Claim& claim);
  void start_if_granted(RunId id, SteadyTime now);
  void start(RunId id, SteadyTime now);
  bool expire(RunId id, SteadyTime now);
  void answer(Lease lease, const RequestName& to, SharedReply reply);
  void answer_failure(Lease lease, const RequestName& to, ErrorCode code, std::string error);
  void give_back(Lease lease);
  void give_back_all(RunId id);
  void kill(RunId id, Run& run);
  void store(const Run& run, SharedReply reply, SteadyTime now);
  template <typename Match>
  void drop_claims(RunId id, Run& run, Match match);
  void add_to_indexes(RunId id, const Run& run);
  void remove_from_indexes(RunId id, const Run& run);
  void remove(RunId id);
  std::optional<RunId> find_by_token(std::size_t link, const std::string& token) const;

  const Bounds bounds_;
  RunId next_id_ = 1;
  bool draining_ = false;
  std::size_t asked_ = 0;                                          // Each keeps a worker free for itself.
  std::size_t running_ = 0;                                        // asked_ + running_ <= workers.
  std::map<std::string, std::size_t, std::less<>> busy_of_skill_;  // Asked and running, by name; never 0.
  std::unordered_map<RunId, Run> runs_;
  std::deque<RunId> waiting_;  // Queued or asked, in order of arrival.
  std::unordered_map<std::string, RunId> by_request_;
  std::unordered_map<std::string, RunId> by_idempotency_;
  std::map<Token, RunId> by_token_;
  ReplyCache cache_;
  CircuitBreakers breakers_;
  Counters counters_;
  std::vector<Action> actions_;
};

}  // namespace skillscale
