#include "base/random_id.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace skillscale {
namespace {

TEST(RandomIdTest, IsThirtyTwoLowerCaseHexDigits) {
  for (int i = 0; i < 100; ++i) {
    const std::string id = random_id();
    EXPECT_EQ(id.size(), 32U);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
  }
}

TEST(RandomIdTest, NeverRepeats) {
  std::set<std::string> ids;
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 10000; ++i) {
    EXPECT_TRUE(ids.insert(random_id()).second);
    EXPECT_TRUE(numbers.insert(random_u64()).second);
  }
}

TEST(RandomIdTest, UsesEveryBit) {
  std::uint64_t ever_set = 0;
  std::uint64_t always_set = ~std::uint64_t{0};
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t number = random_u64();
    ever_set |= number;
    always_set &= number;
  }
  EXPECT_EQ(ever_set, ~std::uint64_t{0});
  EXPECT_EQ(always_set, 0U);
}

}  // namespace
}  // namespace skillscale
