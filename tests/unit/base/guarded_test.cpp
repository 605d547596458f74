#include "base/guarded.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace skillscale {
namespace {

TEST(GuardedTest, StartsWithTheGivenOrTheDefaultValue) {
  Guarded<std::string> given("hello");
  Guarded<int> by_default;
  EXPECT_EQ(*given.lock(), "hello");
  EXPECT_EQ(given.lock()->size(), 5U);
  EXPECT_EQ(*by_default.lock(), 0);
}

TEST(GuardedTest, LosesNoUpdateOfManyThreads) {
  Guarded<int> counter;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 5000; ++j) ++*counter.lock();
      });
    }
  }
  EXPECT_EQ(*counter.lock(), 20000);
}

}  // namespace
}  // namespace skillscale
