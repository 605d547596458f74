#include "proxy/hold.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace skillscale {
namespace {

using namespace std::chrono_literals;

const SteadyTime kStart(1000s);

Delivery delivery_of(const std::string& agent, const std::string& request, int priority = 5) {
  Delivery delivery;
  delivery.payload = zmq::message_t(request);
  delivery.fields.address = {request, agent};
  delivery.fields.priority = priority;
  delivery.parsed = true;
  delivery.arrived = kStart;
  return delivery;
}

class HoldTest : public ::testing::Test {
 protected:
  void push(const std::string& agent, const std::string& request, int priority = 5, bool front = false) {
    hold_.push(delivery_of(agent, request, priority), {kStart + 10s, ErrorCode::no_capacity}, front);
  }
  std::vector<std::string> pop_all() {
    std::vector<std::string> order;
    while (auto delivery = hold_.pop()) order.push_back(delivery->fields.address.request_id);
    return order;
  }
  Hold hold_;
};

TEST_F(HoldTest, OneAgentIsServedInOrder) {
  for (const char* request : {"1", "2", "3"}) push("a", request);
  EXPECT_EQ(pop_all(), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_TRUE(hold_.empty());
  EXPECT_EQ(hold_.bytes(), 0U);
}

TEST_F(HoldTest, AgentsTakeTurnsHoweverMuchOneOfThemWants) {
  for (int i = 0; i < 1000; ++i) push("flood", "f" + std::to_string(i));
  push("single", "s");
  const auto order = pop_all();
  EXPECT_EQ(order[1], "s");
  EXPECT_EQ(order.size(), 1001U);
}

TEST_F(HoldTest, HigherPriorityGoesFirst) {
  push("a", "low", 0);
  push("a", "normal", 5);
  push("b", "urgent", 9);
  EXPECT_EQ(pop_all(), (std::vector<std::string>{"urgent", "normal", "low"}));
}

TEST_F(HoldTest, ARedeliveryComesBeforeTheAgentsOtherIntents) {
  push("a", "1");
  push("a", "0", 5, true);
  EXPECT_EQ(pop_all(), (std::vector<std::string>{"0", "1"}));
}

TEST_F(HoldTest, RemovesByAddress) {
  push("a", "1");
  push("a", "2");
  EXPECT_TRUE(hold_.contains({"1", "a"}));
  EXPECT_TRUE(hold_.remove({"1", "a"}));
  EXPECT_FALSE(hold_.remove({"1", "a"}));
  EXPECT_FALSE(hold_.remove({"2", "b"}));
  EXPECT_EQ(pop_all(), std::vector<std::string>{"2"});
}

TEST_F(HoldTest, ExpiresWhatIsDueAndSaysWhy) {
  hold_.push(delivery_of("a", "soon"), {kStart + 1s, ErrorCode::expired});
  hold_.push(delivery_of("a", "later"), {kStart + 9s, ErrorCode::no_capacity});
  EXPECT_EQ(hold_.next_expiry(), kStart + 1s);
  EXPECT_TRUE(hold_.remove_expired(kStart).empty());
  const auto expired = hold_.remove_expired(kStart + 2s);
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].delivery.fields.address.request_id, "soon");
  EXPECT_EQ(expired[0].code, ErrorCode::expired);
  EXPECT_EQ(pop_all(), std::vector<std::string>{"later"});
}

TEST_F(HoldTest, TakesOverAnotherHoldInOrder) {
  Hold other;
  other.push(delivery_of("a", "1"), {kStart + 10s});
  other.push(delivery_of("a", "2"), {kStart + 10s});
  hold_.take_all(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(other.bytes(), 0U);
  EXPECT_EQ(pop_all(), (std::vector<std::string>{"1", "2"}));
}

TEST_F(HoldTest, CountsEveryIntentEvenAnEmptyOne) {
  push("a", "");
  EXPECT_GE(hold_.bytes(), limits::kHoldOverheadBytes);
}

}  // namespace
}  // namespace skillscale
