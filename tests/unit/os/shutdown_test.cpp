#include "os/shutdown.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>
#include <thread>

#include "support/processes.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::becomes_readable;

// Puts the signal mask and the dispositions of this process back.
class ShutdownTest : public ::testing::Test {
 protected:
  ShutdownTest() { pthread_sigmask(SIG_SETMASK, nullptr, &mask_); }
  ~ShutdownTest() override {
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGCHLD, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }

 private:
  sigset_t mask_{};
};

TEST_F(ShutdownTest, NoSignalIsNoSignal) {
  Shutdown shutdown = Shutdown::on_signals({SIGUSR1});
  EXPECT_FALSE(becomes_readable(shutdown.fd(), 0ms));
  EXPECT_EQ(shutdown.take_signal(), std::nullopt);
}

TEST_F(ShutdownTest, ASignalBecomesReadableAndIsTakenOnce) {
  Shutdown shutdown = Shutdown::on_signals({SIGUSR1, SIGTERM});
  ::raise(SIGTERM);
  EXPECT_TRUE(becomes_readable(shutdown.fd()));
  EXPECT_EQ(shutdown.take_signal(), SIGTERM);
  EXPECT_EQ(shutdown.take_signal(), std::nullopt);
}

TEST_F(ShutdownTest, ASignalToTheProcessArrivesWhileThreadsRun) {
  Shutdown shutdown = Shutdown::on_signals({SIGTERM});
  std::jthread killer([] { ::kill(::getpid(), SIGTERM); });
  EXPECT_TRUE(becomes_readable(shutdown.fd()));
  EXPECT_EQ(shutdown.take_signal(), SIGTERM);
}

TEST_F(ShutdownTest, ABrokenPipeDoesNotEndTheProcess) {
  const Shutdown shutdown = Shutdown::on_signals({SIGTERM});
  ::raise(SIGPIPE);
  SUCCEED();
}

TEST_F(ShutdownTest, AnIgnoredSigchldIsPutRight) {
  std::signal(SIGCHLD, SIG_IGN);
  const Shutdown shutdown = Shutdown::on_signals({SIGTERM});
  EXPECT_EQ(std::signal(SIGCHLD, SIG_DFL), SIG_DFL);
}

}  // namespace
}  // namespace skillscale
