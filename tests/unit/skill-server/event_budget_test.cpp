// The bound on a run's events under way, and the wait for room.
#include "skill-server/event_budget.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "support/processes.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

bool is_readable(int fd) { return testing::becomes_readable(fd, 0ms); }

TEST(EventBudgetTest, RoomComesBackWhenHalfIsFree) {
  EventBudget budget(100);
  EXPECT_TRUE(budget.has_room());
  budget.take(120);
  EXPECT_FALSE(budget.has_room());
  EXPECT_FALSE(budget.has_room());
  EXPECT_EQ(budget.holds(), 1U);
  budget.give_back(60);
  EXPECT_FALSE(is_readable(budget.room_fd()));
  budget.give_back(10);
  EXPECT_TRUE(is_readable(budget.room_fd()));
  EXPECT_TRUE(budget.has_room());
  budget.take(60);
  EXPECT_FALSE(budget.has_room());
  EXPECT_FALSE(is_readable(budget.room_fd()));
  EXPECT_EQ(budget.holds(), 2U);
}

TEST(EventBudgetTest, AChargeGivesItsBytesBackOnAnyThread) {
  const auto budget = std::make_shared<EventBudget>(100);
  budget->take(100);
  auto charge = std::make_unique<EventCharge>(budget, 100);
  EXPECT_FALSE(budget->has_room());
  std::jthread([&charge] { charge.reset(); }).join();
  EXPECT_TRUE(testing::becomes_readable(budget->room_fd()));
  EXPECT_EQ(budget->bytes(), 0U);
}

TEST(EventBudgetTest, AChargeThatIsWrittenOffCountsNoMore) {
  const auto budget = std::make_shared<EventBudget>(100);
  budget->take(150);
  auto old = std::make_unique<EventCharge>(budget, 110);
  EXPECT_FALSE(budget->has_room());
  budget->write_off_charges();
  EXPECT_EQ(budget->bytes(), 40U);
  EXPECT_TRUE(is_readable(budget->room_fd()));
  budget->take(30);
  const EventCharge fresh(budget, 30);
  old.reset();
  EXPECT_EQ(budget->bytes(), 70U);
}

TEST(EventBudgetTest, AChargeMayOutliveItsRun) {
  auto budget = std::make_shared<EventBudget>(10);
  budget->take(5);
  const EventCharge charge(budget, 5);
  budget.reset();
}

}  // namespace
}  // namespace skillscale
