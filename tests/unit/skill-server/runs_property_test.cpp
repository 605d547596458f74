// Random histories against what must hold for each of them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random_id.h"
#include "skill-server/runs.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kWorkers = 3;
constexpr std::size_t kLinks = 2;
constexpr std::size_t kLeasesMax = 20;
constexpr std::size_t kSkills = 4;

using Token = std::pair<std::size_t, std::string>;

// Plays the proxies and the workers, and keeps account.
class World {
 public:
  explicit World(std::uint64_t seed)
      : random_(seed),
        runs_({.workers = kWorkers,
               .leases_max = kLeasesMax,
               .grant_wait_max = 5s,
               .cache_bytes_max = 20000,
               .cache_time_max = 20s,
               .breaker = {.failures = 2, .cooldown = 1s, .cooldown_max = 8s}}) {
    for (std::size_t number = 0; number < kSkills; ++number) {
      Skill skill;
      skill.name = "s" + std::to_string(number);
      if (number > 0) skill.limits.concurrency = number;  // The first has no limit.
      skills_.push_back(std::make_shared<const Skill>(std::move(skill)));
    }
  }

  void step() {
    now_ += std::chrono::milliseconds(pick(400));
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        arrive();
        break;
      case 4:
      case 5:
        grant_one();
        break;
      case 6:
      case 7:
      case 8:
        finish_one();
        break;
      case 9:
        cancel_one();
        break;
      case 10:
        if (pick(4) == 0) lose(pick(kLinks));
        break;
      default:
        runs_.tick(now_);
    }
    take_actions();
    check();
  }

  // Everything comes to its end, and nothing is left.
  void drain() {
    runs_.drain(now_);
    take_actions();
    runs_.kill_all();
    take_actions();
    while (!running_.empty()) finish_one();
    take_actions();
    check();
    EXPECT_TRUE(open_.empty());
    EXPECT_EQ(runs_.leases(), 0u);
    EXPECT_EQ(runs_.waiting(), 0u);
    EXPECT_EQ(runs_.running(), 0u);
  }

  std::size_t executed() const { return executed_; }

 private:
  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }

  // Few names, so that many are repeats.
  void arrive() {
    const std::size_t body = pick(30);
    RunRequest request;
    request.name = {.topic = "T",
                    .group = "default",
                    .address = {.request_id = "r" + std::to_string(body), .reply_to = "A" + std::to_string(pick(2))}};
    request.digest = {.high = body, .low = body};
    if (pick(4) == 0) request.idempotency_key = "k" + std::to_string(pick(5));
    request.idempotent = pick(3) == 0;
    request.timeout = 10s;
    request.work.skill = skills_[body % kSkills];
    if (pick(4) == 0) request.deadline = now_ + std::chrono::milliseconds(pick(2000)) - 100ms;
    const Lease lease{.link = pick(kLinks), .token = std::to_string(next_token_++), .facts = {}};
    open_.insert({lease.link, lease.token});
    runs_.accept(std::move(request), lease, now_);
  }

  template <typename Set>
  auto any_of(Set& set) {
    return std::next(set.begin(), static_cast<std::ptrdiff_t>(pick(set.size())));
  }

  void grant_one() {
    if (asked_.empty()) return;
    const Token token = *any_of(asked_);
    asked_.erase(token);
    granted_.insert(token);
    runs_.granted(token.first, token.second, now_);
  }

  void cancel_one() {
    if (!open_.empty()) {
      const Token token = *any_of(open_);
      runs_.cancel(token.first, token.second, now_);
    }
  }

  void lose(std::size_t link) {
    std::erase_if(open_, [link](const Token& token) { return token.first == link; });
    std::erase_if(asked_, [link](const Token& token) { return token.first == link; });
    runs_.connection_lost(link, now_);
  }

  void finish_one() {
    if (running_.empty()) return;
    const RunId run = *any_of(running_);
    running_.erase(run);
    Reply reply;
    reply.success = !killed_.contains(run) && pick(3) > 0;
    if (!reply.success) reply.code = killed_.contains(run) ? "cancelled" : "out_of_memory";
    reply.content = std::string(pick(2000), 'x');
    runs_.finished(run, std::move(reply), now_);
  }

  void take_actions() {
    for (Action& action : runs_.take_actions()) std::visit([this](auto& chosen) { done(chosen); }, action);
  }

  void done(const AskStart& action) {
    const Token token{action.link, action.frame.token};
    EXPECT_TRUE(open_.contains(token)) << "asks for a lease that has ended";
    if (!action.frame.idempotent) asked_.insert(token);
  }
  void done(const Execute& action) {
    EXPECT_TRUE(started_.insert(action.run).second) << "started twice";
    EXPECT_LE(action.timeout, 10s);
    running_.insert(action.run);
    skill_of_[action.run] = action.work.skill;
    ++executed_;
  }
  void done(const SendAccepted& /*action*/) {}
  void done(const SendReply& action) { close({action.lease.link, action.lease.token}); }
  void done(const GiveBack& action) { close({action.link, action.token}); }
  void done(const Kill& action) {
    EXPECT_TRUE(running_.contains(action.run)) << "kills what does not run";
    EXPECT_TRUE(killed_.insert(action.run).second) << "kills twice";
  }

  void close(const Token& token) {
    EXPECT_EQ(open_.erase(token), 1u) << "ends a lease that is not open: " << token.second;
    asked_.erase(token);
  }

  void check() {
    EXPECT_LE(running_.size(), kWorkers);
    std::map<SkillPtr, std::size_t> busy;
    for (const RunId run : running_) ++busy[skill_of_.at(run)];
    for (const auto& [skill, runs] : busy) EXPECT_LE(runs, skill->limits.concurrency.value_or(kWorkers)) << skill->name;
    EXPECT_EQ(runs_.running(), running_.size());
    EXPECT_EQ(runs_.leases(), open_.size());
    EXPECT_LE(runs_.leases(), kLeasesMax);
    EXPECT_LE(runs_.cache().bytes(), 20000u);
  }

  std::mt19937_64 random_;
  SteadyTime now_{1000h};
  Runs runs_;
  std::uint64_t next_token_ = 0;
  std::set<Token> open_;     // Leases that the proxies wait for.
  std::set<Token> asked_;    // Of these: starts not granted yet.
  std::set<Token> granted_;  // Ever granted.
  std::set<RunId> started_;
  std::set<RunId> running_;
  std::set<RunId> killed_;
  std::vector<SkillPtr> skills_;
  std::map<RunId, SkillPtr> skill_of_;
  std::size_t executed_ = 0;
};

TEST(RunsPropertyTest, EveryLeaseEndsOnceAndNothingStartsTwice) {
  const char* given = std::getenv("SKILLSCALE_TEST_SEED");
  const std::uint64_t base = given == nullptr ? random_u64() : std::strtoull(given, nullptr, 10);
  for (std::uint64_t round = 0; round < 300 && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("SKILLSCALE_TEST_SEED=" + std::to_string(base + round));
    World world(base + round);
    for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) world.step();
    world.drain();
    EXPECT_GT(world.executed(), 10u);
  }
}

}  // namespace
}  // namespace skillscale
