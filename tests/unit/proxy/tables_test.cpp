// The small tables of the proxy: subscriptions, leases, known runs, traffic.
#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "proxy/known_runs.h"
#include "proxy/lease_table.h"
#include "proxy/subscriptions.h"
#include "proxy/traffic.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

TEST(SubscriptionsTest, AnyPrefixCounts) {
  Subscriptions subscriptions;
  EXPECT_FALSE(subscriptions.wants("TOPIC_A"));
  subscriptions.add("TOPIC_");
  EXPECT_TRUE(subscriptions.wants("TOPIC_A"));
  EXPECT_FALSE(subscriptions.wants("TOPIC"));
  subscriptions.add("");
  EXPECT_TRUE(subscriptions.wants("anything"));
  subscriptions.remove("");
  EXPECT_FALSE(subscriptions.wants("anything"));
}

TEST(SubscriptionsTest, TwoSubscribersOfOnePrefixAreTwo) {
  Subscriptions subscriptions;
  subscriptions.add("a");
  subscriptions.add("a");
  subscriptions.remove("a");
  EXPECT_TRUE(subscriptions.wants("a"));
  subscriptions.remove("a");
  EXPECT_FALSE(subscriptions.wants("a"));
  EXPECT_EQ(subscriptions.size(), 0U);
}

TEST(SubscriptionsTest, PastTheBoundEverythingCountsAsWanted) {
  Subscriptions subscriptions;
  for (std::size_t i = 0; i < limits::kSubscriptionsMax; ++i) subscriptions.add("t" + std::to_string(i));
  EXPECT_FALSE(subscriptions.wants("x"));
  subscriptions.add("one too many");
  EXPECT_EQ(subscriptions.size(), limits::kSubscriptionsMax);
  EXPECT_TRUE(subscriptions.wants("x"));
  subscriptions.remove("one too many");
  EXPECT_FALSE(subscriptions.wants("x"));
}

TEST(LeaseTableTest, AClosedLeaseIsNotFoundByItsToken) {
  LeaseTable leases(42);
  const auto slot = leases.open();
  const std::string token = encode_token(leases.token_of(slot));
  EXPECT_EQ(leases.find(token), slot);
  leases.close(slot);
  EXPECT_FALSE(leases.find(token));
  EXPECT_EQ(leases.open(), slot);
  EXPECT_FALSE(leases.find(token)) << "the slot is used again, under another generation";
}

TEST(LeaseTableTest, ForeignAndMalformedTokensAreNotFound) {
  LeaseTable leases(42);
  const auto slot = leases.open();
  Token foreign = leases.token_of(slot);
  foreign.proxy = 43;
  EXPECT_FALSE(leases.find(encode_token(foreign)));
  Token beyond = leases.token_of(slot);
  beyond.slot = 1000;
  EXPECT_FALSE(leases.find(encode_token(beyond)));
  EXPECT_FALSE(leases.find("short"));
  EXPECT_FALSE(leases.find(""));
}

TEST(KnownRunsTest, ForgetsTheOldest) {
  KnownRuns runs;
  const SteadyTime start(1000s);
  runs.remember("old", {"member", std::nullopt}, start);
  runs.remember("new", {"member", std::nullopt}, start + limits::kReplyCacheTimeMax);
  EXPECT_NE(runs.find("old", start), nullptr);
  EXPECT_EQ(runs.find("old", start + limits::kReplyCacheTimeMax + 1s), nullptr);
  EXPECT_NE(runs.find("new", start + limits::kReplyCacheTimeMax + 1s), nullptr);
}

TEST(KnownRunsTest, IsBoundedInNumber) {
  KnownRuns runs;
  const SteadyTime now(1000s);
  for (std::size_t i = 0; i < limits::kAnnouncedMax + 10; ++i)
    runs.remember(std::to_string(i), {"m", std::nullopt}, now);
  EXPECT_EQ(runs.size(), limits::kAnnouncedMax);
  EXPECT_EQ(runs.find("0", now), nullptr);
}

TEST(KnownRunsTest, KeysOfDifferentThingsNeverMeet) {
  EXPECT_NE(KnownRuns::key_of_request({"b", "a"}), KnownRuns::key_of_request({"", "ab"}));
  EXPECT_NE(KnownRuns::key_of_idempotency("t", "g", "k"), KnownRuns::key_of_idempotency("t", "gk", ""));
}

TEST(TrafficTest, AFloodOfNamesSharesOneEntry) {
  Traffic traffic;
  for (int i = 0; i < 100000; ++i) ++traffic.of_topic("made-up-" + std::to_string(i)).messages_in;
  EXPECT_EQ(traffic.lines().size(), limits::kTopicsTrackedMax + 3);
  std::uint64_t sum = 0;
  for (const auto& line : traffic.lines()) sum += line.count.messages_in;
  EXPECT_EQ(sum, 100000U);
}

}  // namespace
}  // namespace skillscale
