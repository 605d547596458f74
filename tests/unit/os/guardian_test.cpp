#include "os/guardian.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "os/child_process.h"
#include "support/processes.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::becomes_readable;
using testing::has_no_children;
using testing::open_descriptors;
using testing::puppet;

TEST(GuardianTest, EndsWithItsHandleAndLeavesNothing) {
  const std::size_t descriptors = open_descriptors();
  {
    const auto guardian = Guardian::start("");
    ASSERT_TRUE(guardian) << guardian.error();
    EXPECT_TRUE((*guardian)->is_alive());
  }
  EXPECT_TRUE(has_no_children());
  EXPECT_EQ(open_descriptors(), descriptors);
}

TEST(GuardianTest, IgnoresWhatEndsDaemons) {
  const auto guardian = Guardian::start("");
  ASSERT_TRUE(guardian) << guardian.error();
  // A run that is registered and taken back shows that the guardian has come as far as its loop.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::kill((*guardian)->pid(), signal);
  (*guardian)->release(12345);
  EXPECT_FALSE(becomes_readable((*guardian)->exit_fd(), 50ms));
}

TEST(GuardianTest, WhatIsTakenBackIsNotKilled) {
  auto child = ChildProcess::launch(puppet({"never-read"}));
  ASSERT_TRUE(child) << child.error();
  {
    const auto guardian = Guardian::start("");
    ASSERT_TRUE(guardian) << guardian.error();
    const int pid = (*child)->pid();
    ASSERT_EQ(::write((*guardian)->fd(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    (*guardian)->release(pid);
  }
  EXPECT_FALSE(becomes_readable((*child)->exit_fd(), 0ms));
}

TEST(GuardianTest, WhatIsNotTakenBackIsKilled) {
  auto child = ChildProcess::launch(puppet({"ignore-sigterm"}));
  ASSERT_TRUE(child) << child.error();
  pid_t pid = (*child)->pid();
  auto guardian = Guardian::start("");
  ASSERT_TRUE(guardian) << guardian.error();
  ASSERT_EQ(::write((*guardian)->fd(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  const std::jthread ender([&guardian] { guardian = Error{}; });  // Waits for the group to be gone.
  ASSERT_TRUE(becomes_readable((*child)->exit_fd()));
  EXPECT_EQ((*child)->try_reap()->exit.signal, SIGKILL);
}

TEST(GuardianTest, RunsGoOnWithoutIt) {
  const auto guardian = Guardian::start("");
  ASSERT_TRUE(guardian) << guardian.error();
  ::kill((*guardian)->pid(), SIGKILL);
  ASSERT_TRUE(becomes_readable((*guardian)->exit_fd()));
  EXPECT_FALSE((*guardian)->is_alive());
  RunLeash leash;
  leash.guardian = guardian->get();
  ChildSpec spec = puppet({"exit", "0"});
  spec.leash = &leash;
  for (int i = 0; i < 10; ++i) {
    auto child = ChildProcess::launch(spec);
    ASSERT_TRUE(child) << child.error();
    ASSERT_TRUE(becomes_readable((*child)->exit_fd()));
    EXPECT_TRUE((*child)->try_reap());
  }
}

TEST(GuardianTest, ItsNameTellsWhatItIs) {
  const auto guardian = Guardian::start("");
  ASSERT_TRUE(guardian) << guardian.error();
  std::string name;
  const auto end = std::chrono::steady_clock::now() + testing::kDeadline;
  while (name != "skill-guardian" && std::chrono::steady_clock::now() < end) {
    std::getline(std::ifstream("/proc/" + std::to_string((*guardian)->pid()) + "/comm"), name);
  }
  EXPECT_EQ(name, "skill-guardian");
}

}  // namespace
}  // namespace skillscale
