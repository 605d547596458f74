#include "os/wakeup.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/processes.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::becomes_readable;

TEST(WakeupTest, IsQuietAtFirst) {
  const Wakeup wakeup;
  EXPECT_FALSE(becomes_readable(wakeup.fd(), 0ms));
}

TEST(WakeupTest, WakesAPollingThread) {
  Wakeup wakeup;
  std::jthread notifier([&wakeup] { wakeup.notify(); });
  EXPECT_TRUE(becomes_readable(wakeup.fd()));
}

TEST(WakeupTest, ManyNotificationsAreClearedAtOnce) {
  Wakeup wakeup;
  for (int i = 0; i < 1000; ++i) wakeup.notify();
  wakeup.clear();
  EXPECT_FALSE(becomes_readable(wakeup.fd(), 0ms));
}

TEST(WakeupTest, ClearingAQuietOneDoesNotBlock) {
  Wakeup wakeup;
  wakeup.clear();
  EXPECT_FALSE(becomes_readable(wakeup.fd(), 0ms));
}

}  // namespace
}  // namespace skillscale
