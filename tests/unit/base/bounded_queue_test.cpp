#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace skillscale {
namespace {

using namespace std::chrono_literals;

bool push(BoundedQueue<int>& queue, int item) { return queue.try_push(item); }

TEST(BoundedQueueTest, GivesItemsBackInOrder) {
  BoundedQueue<int> queue(3);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(push(queue, i));
  EXPECT_EQ(queue.size(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.pop(), i);
  EXPECT_EQ(queue.try_pop(), std::nullopt);
}

TEST(BoundedQueueTest, RefusesAnItemWhenFullAndLeavesItUntouched) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  auto first = std::make_unique<int>(1);
  auto second = std::make_unique<int>(2);
  EXPECT_TRUE(queue.try_push(first));
  EXPECT_EQ(first, nullptr);
  EXPECT_FALSE(queue.try_push(second));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second, 2);
}

TEST(BoundedQueueTest, OfNoCapacityTakesNothing) {
  BoundedQueue<int> queue(0);
  EXPECT_FALSE(push(queue, 1));
}

TEST(BoundedQueueTest, ClosedTakesNothingAndGivesOutTheRest) {
  BoundedQueue<int> queue(3);
  ASSERT_TRUE(push(queue, 1));
  queue.close();
  EXPECT_FALSE(push(queue, 2));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueueTest, RemovesWhatMatchesAndKeepsTheOrderOfBoth) {
  BoundedQueue<int> queue(6);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(push(queue, i));
  const std::deque<int> removed = queue.remove_if([](int i) { return i % 2 == 0; });
  EXPECT_EQ(removed, (std::deque<int>{0, 2, 4}));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 3);
  EXPECT_EQ(queue.pop(), 5);
}

TEST(BoundedQueueTest, PopWaitsForAnItem) {
  BoundedQueue<int> queue(1);
  auto popped = std::async(std::launch::async, [&] { return queue.pop(); });
  ASSERT_TRUE(push(queue, 7));
  ASSERT_EQ(popped.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(popped.get(), 7);
}

TEST(BoundedQueueTest, CloseWakesEveryConsumer) {
  BoundedQueue<int> queue(1);
  std::vector<std::future<std::optional<int>>> consumers;
  consumers.reserve(3);
  for (int i = 0; i < 3; ++i) consumers.push_back(std::async(std::launch::async, [&] { return queue.pop(); }));
  queue.close();
  for (auto& consumer : consumers) {
    ASSERT_EQ(consumer.wait_for(10s), std::future_status::ready);
    EXPECT_EQ(consumer.get(), std::nullopt);
  }
}

TEST(BoundedQueueTest, PassesEveryItemOnceBetweenManyThreads) {
  constexpr int kProducers = 4;
  constexpr int kItemsEach = 2000;
  BoundedQueue<int> queue(16);
  std::vector<std::atomic<int>> seen(kProducers * kItemsEach);
  std::vector<std::jthread> consumers;
  consumers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] {
      while (const auto item = queue.pop()) ++seen[static_cast<std::size_t>(*item)];
    });
  }
  {
    std::vector<std::jthread> producers;
    producers.reserve(kProducers);
    for (int producer = 0; producer < kProducers; ++producer) {
      producers.emplace_back([&, producer] {
        for (int i = 0; i < kItemsEach; ++i) {
          int item = producer * kItemsEach + i;
          while (!queue.try_push(item)) std::this_thread::yield();
        }
      });
    }
  }
  queue.close();
  consumers.clear();  // Joins.
  for (const auto& count : seen) ASSERT_EQ(count, 1);
}

}  // namespace
}  // namespace skillscale
