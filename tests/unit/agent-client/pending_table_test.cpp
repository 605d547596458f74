#include "agent-client/pending_table.h"

#include <gtest/gtest.h>

#include <random>

namespace skillscale::agent {
namespace {

using namespace std::chrono_literals;

// Time as the test says it is: seconds since some start.
SteadyTime at(int seconds) { return SteadyTime{} + std::chrono::seconds(1000 + seconds); }

PendingRequest request(const std::string& id, int published = 0, int deadline = 60, int connect_deadline = 5) {
  PendingRequest made;
  made.request_id = id;
  made.published = at(published);
  made.deadline = at(deadline);
  made.connect_deadline = at(connect_deadline);
  return made;
}

class PendingTableTest : public testing::Test {
 protected:
  void add(PendingRequest made) { ASSERT_TRUE(table_.add(made)); }

  // Sends all that waits; the ids in the order of sending.
  std::vector<std::string> send_all(std::size_t link) {
    std::vector<std::string> ids;
    while (const PendingRequest* next = table_.next_unsent()) {
      ids.push_back(next->request_id);
      table_.mark_sent(link);
    }
    return ids;
  }

  PendingTable table_{3};
};

using Ids = std::vector<std::string>;

TEST_F(PendingTableTest, RequestsAreSentInTheOrderOfPublishing) {
  for (const char* id : {"c", "a", "b"}) add(request(id));
  EXPECT_EQ(send_all(0), (Ids{"c", "a", "b"}));
  EXPECT_EQ(table_.next_unsent(), nullptr);
}

TEST_F(PendingTableTest, AnIdIsPendingOnce) {
  add(request("a"));
  auto again = request("a");
  EXPECT_FALSE(table_.add(again));
  EXPECT_EQ(again.request_id, "a") << "untouched";
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(PendingTableTest, ALostLinkPutsItsRequestsBackInTheOldOrder) {
  for (const char* id : {"a", "b", "c"}) add(request(id));
  send_all(0);
  add(request("d"));
  send_all(1);
  add(request("e"));
  ASSERT_TRUE(table_.take("b", Ending::answered));
  table_.requeue(0);
  EXPECT_TRUE(table_.next_unsent()->sent);
  EXPECT_EQ(send_all(1), (Ids{"a", "c", "e"}));
}

TEST_F(PendingTableTest, UntilItIsSentTheTimeToConnectCounts) {
  add(request("a"));
  EXPECT_EQ(table_.next_due(), at(5));
  send_all(0);
  EXPECT_EQ(table_.next_due(), at(60));
  table_.requeue(0);
  EXPECT_EQ(table_.next_due(), at(60)) << "it was sent once";
}

TEST_F(PendingTableTest, AShortDeadlineIsDueBeforeTheTimeToConnect) {
  add(request("a", 0, 2, 5));
  EXPECT_EQ(table_.next_due(), at(2));
}

TEST_F(PendingTableTest, WhatIsDueIsTakenAndNothingElse) {
  add(request("late", 0, 60));
  add(request("soon", 0, 10));
  add(request("now", 0, 8));
  send_all(0);
  EXPECT_TRUE(table_.take_due(at(7)).empty());
  const auto due = table_.take_due(at(10));
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].request_id, "now");
  EXPECT_EQ(due[1].request_id, "soon");
  EXPECT_EQ(table_.next_due(), at(60));
  EXPECT_EQ(table_.standing("soon"), Standing::given_up);
}

TEST_F(PendingTableTest, OldRequestsCanBeTaken) {
  add(request("old", 0));
  add(request("new", 10));
  const auto taken = table_.take_published_before(at(10));
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].request_id, "old");
  EXPECT_EQ(table_.take_all().size(), 1U);
  EXPECT_EQ(table_.next_due(), std::nullopt);
}

TEST_F(PendingTableTest, HowARequestEndedIsRemembered) {
  add(request("a"));
  add(request("g"));
  EXPECT_EQ(table_.standing("a"), Standing::pending);
  table_.take("a", Ending::answered);
  table_.take("g", Ending::given_up);
  EXPECT_EQ(table_.standing("a"), Standing::answered);
  EXPECT_EQ(table_.standing("g"), Standing::given_up);
  EXPECT_EQ(table_.standing("x"), Standing::unknown);
  EXPECT_FALSE(table_.take("a", Ending::answered));
}

TEST_F(PendingTableTest, OnlyTheLastEndingsAreRemembered) {
  for (const char* id : {"1", "2", "3", "4"}) {
    add(request(id));
    table_.take(id, Ending::answered);
  }
  EXPECT_EQ(table_.standing("1"), Standing::unknown);
  EXPECT_EQ(table_.standing("2"), Standing::answered);
  EXPECT_EQ(table_.standing("4"), Standing::answered);
}

TEST_F(PendingTableTest, AnIdMayBeUsedAgainAfterItsEnd) {
  add(request("a"));
  table_.take("a", Ending::given_up);
  add(request("a"));
  EXPECT_EQ(table_.standing("a"), Standing::pending);
  table_.take("a", Ending::answered);
  EXPECT_EQ(table_.standing("a"), Standing::answered);
}

// Whatever happens in whatever order: each request leaves exactly once, and the due times stay right.
TEST_F(PendingTableTest, EveryRequestLeavesOnceUnderRandomUse) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::size_t added = 0;
  std::size_t left = 0;
  int now = 0;
  for (int step = 0; step < 20000; ++step) {
    switch (random() % 6) {
      case 0:
      case 1:
        add(request(std::to_string(added++), now, now + 1 + static_cast<int>(random() % 50),
                    now + 1 + static_cast<int>(random() % 20)));
        break;
      case 2:
        if (table_.next_unsent() != nullptr) table_.mark_sent(random() % 2);
        break;
      case 3:
        if (added > 0 && table_.take(std::to_string(random() % added), Ending::answered)) ++left;
        break;
      case 4:
        table_.requeue(random() % 2);
        break;
      default:
        left += table_.take_due(at(++now)).size();
        if (const auto due = table_.next_due()) {
          ASSERT_GT(*due, at(now));
        }
    }
    ASSERT_EQ(table_.size(), added - left);
  }
  left += table_.take_all().size();
  EXPECT_EQ(left, added);
}

}  // namespace
}  // namespace skillscale::agent
