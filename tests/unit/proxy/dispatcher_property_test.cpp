// The dispatcher against a simple model, with thousands of random steps: credit
// is never exceeded, nothing that may not be repeated is granted twice, each
// agent's intents are begun in order, and every intent ends in exactly one reply.
#include <random>
#include <set>

#include "unit/proxy/dispatcher_fixture.h"

namespace skillscale::testing {
namespace {

class World : public Outbox {
 public:
  explicit World(std::uint32_t seed) : random_(seed) { subscriptions_.add("AGENT"); }

  void step() {
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return publish();
      case 4:
        return join();
      case 5:
        return lose();
      case 6:
        return ask_start();
      case 7:
      case 8:
        return finish_one();
      case 9:
        return give_back();
      case 10:
        return cancel_one();
      default:
        clock_.advance(std::chrono::milliseconds(pick(300)));
        dispatcher_.sweep();
    }
  }

  // Ends the story: one good member works everything off.
  void settle() {
    while (!members_.empty()) lose();
    join();
    for (int round = 0; round < 20000 && ended_.size() < published_.size(); ++round) {
      if (!leases_.empty()) {
        ask_start();
        finish_one();
      } else {
        clock_.advance(std::chrono::milliseconds(500));
        dispatcher_.sweep();
      }
    }
    EXPECT_EQ(ended_.size(), published_.size());
    EXPECT_EQ(dispatcher_.held_bytes(), 0U);
  }

 private:
  struct Held {
    std::string request;
    std::string member;
    bool granted = false;
    bool revoked = false;
  };

  std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }

  void publish() {
    const std::string request = "r" + std::to_string(published_.size());
    const bool idempotent = pick(3) == 0;
    const std::string agent = "AGENT_" + std::to_string(pick(3));
    zmq::message_t message(intent_json(request, agent, idempotent ? R"(,"idempotent":true)" : ""));
    published_[request] = {agent, idempotent};
    dispatcher_.accept("TOPIC_A", message, false);
  }
  void join() {
    const auto credits = static_cast<std::uint32_t>(1 + pick(4));
    const std::string name = member_name("TOPIC_A", "m" + std::to_string(next_member_++), credits);
    members_[name] = credits;
    dispatcher_.join(name);
  }
  void lose() {
    if (members_.empty()) return;
    const std::string name = std::next(members_.begin(), static_cast<std::ptrdiff_t>(pick(members_.size())))->first;
    members_.erase(name);
    std::erase_if(leases_, [&](const auto& entry) { return entry.second.member == name; });
    dispatcher_.leave(name);
  }
  std::map<std::string, Held>::iterator some_lease() {
    return std::next(leases_.begin(), static_cast<std::ptrdiff_t>(pick(leases_.size())));
  }
  void ask_start() {
    if (leases_.empty()) return;
    const auto lease = some_lease();
    dispatcher_.start({lease->first, false, 1000ms});
  }
  void finish_one() {
    if (leases_.empty()) return;
    const auto lease = some_lease();
    // A member replies only to what it was allowed to start.
    if (!lease->second.granted && !lease->second.revoked) return dispatcher_.start({lease->first, false, 1000ms});
    const std::string token = lease->first;
    const Held held = lease->second;
    leases_.erase(lease);
    if (!held.granted) return dispatcher_.give_back({token});
    if (dispatcher_.finish(token, published_[held.request].agent)) end(held.request);
  }
  void give_back() {
    if (leases_.empty()) return;
    const auto lease = some_lease();
    if (lease->second.granted) return;
    const std::string token = lease->first;
    leases_.erase(lease);
    dispatcher_.give_back({token});
  }
  void cancel_one() {
    if (published_.empty()) return;
    const auto chosen = std::next(published_.begin(), static_cast<std::ptrdiff_t>(pick(published_.size())));
    dispatcher_.cancel({chosen->first, chosen->second.agent});
  }
  void end(const std::string& request) { EXPECT_TRUE(ended_.insert(request).second) << request << " ended twice"; }

  bool dispatch(Member& member, zmq::message_t& payload, const Token& token, const DeliveryFacts&) override {
    const auto fields = decode_routing(payload.to_string_view());
    leases_[encode_token(token)] = {fields->address.request_id, member.name};
    std::size_t with_member = 0;
    for (const auto& [key, held] : leases_) with_member += held.member == member.name ? 1 : 0;
    EXPECT_LE(with_member, members_.at(member.name)) << "credit exceeded";
    EXPECT_EQ(ended_.count(fields->address.request_id), 0U) << "dispatched after its end";
    return true;
  }
  bool control(const Member&, std::string_view control, const Token& token) override {
    Held& held = leases_.at(encode_token(token));
    if (control == kGoFrame) {
      const bool first = ++grants_[held.request] == 1;
      EXPECT_TRUE(first || published_[held.request].idempotent) << held.request << " granted twice";
      for (const auto& [key, other] : leases_) {
        EXPECT_FALSE(other.request == held.request && other.granted && !other.revoked && &other != &held)
            << "two live grants";
      }
      held.granted = true;
    } else {
      held.revoked = true;
    }
    return true;
  }
  void answer(const std::string&, const Reply& reply) override { end(reply.request_id); }

  struct Published {
    std::string agent;
    bool idempotent = false;
  };
  std::mt19937 random_;
  ManualClock clock_;
  Subscriptions subscriptions_;
  Dispatcher dispatcher_{DispatcherSettings{}, *this, subscriptions_, clock_, 7};
  std::map<std::string, Published> published_;
  std::map<std::string, std::uint32_t> members_;
  std::map<std::string, Held> leases_;
  std::map<std::string, int> grants_;
  std::set<std::string> ended_;
  int next_member_ = 0;
};

class DispatcherPropertyTest : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(DispatcherPropertyTest, EveryIntentEndsOnceAndCreditHolds) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  World world(GetParam());
  for (int i = 0; i < 2000; ++i) world.step();
  world.settle();
}

INSTANTIATE_TEST_SUITE_P(Seeds, DispatcherPropertyTest, ::testing::Range(1U, 41U));

// With one member of one credit, what waited is begun in each agent's own order.
TEST(DispatcherOrderTest, EachAgentsIntentsAreBegunInOrder) {
  std::mt19937 random(4);
  ManualClock clock;
  Subscriptions subscriptions;
  subscriptions.add("AGENT");
  RecordingOutbox outbox;
  Dispatcher dispatcher({}, outbox, subscriptions, clock, 7);
  for (int i = 0; i < 500; ++i) {
    const std::string agent = "AGENT_" + std::to_string(random() % 5);
    zmq::message_t message(intent_json(std::to_string(i), agent));
    dispatcher.accept("TOPIC_A", message, false);
  }
  dispatcher.join(member_name("TOPIC_A", "m", 1));
  std::map<std::string, int> last;
  for (std::size_t i = 0; i < 500; ++i) {
    ASSERT_LT(i, outbox.dispatched.size());
    const auto address = decode_routing(outbox.dispatched[i].payload)->address;
    const int number = std::stoi(address.request_id);
    const auto known = last.find(address.reply_to);
    if (known != last.end()) {
      EXPECT_LT(known->second, number);
    }
    last[address.reply_to] = number;
    dispatcher.finish(outbox.dispatched[i].token, address.reply_to);
  }
}

}  // namespace
}  // namespace skillscale::testing
