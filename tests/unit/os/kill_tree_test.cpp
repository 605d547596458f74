// Nothing of a run is alive after its end, on every rung of the ladder that this
// machine has. The proof is the end of file of a pipe that all of it inherits.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "os/guardian.h"
#include "os/kill_strategy.h"
#include "os/run_cgroup.h"
#include "os/run_shim.h"
#include "os/seccomp_filter.h"
#include "os/supervised_run.h"
#include "os/wakeup.h"
#include "support/processes.h"
#include "support/rung.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using End = RunOutcome::End;
using testing::becomes_readable;
using testing::has_no_children;
using testing::kDeadline;
using testing::puppet;
using testing::reaches_eof;
using testing::ReadyPipe;
using testing::Rung;

RunLimits limits_with(std::chrono::milliseconds timeout) {
  return {.timeout = timeout,
          .kill_grace = 50ms,
          .drain_grace = 2s,
          .stdout_bytes_max = 1000,
          .stderr_bytes_max = 1000,
          .flood_bytes_max = 100'000};
}

// A whole daemon, as far as runs are concerned, to be killed: starts the run that
// `rung` and `arguments` describe and waits for ever.
class Daemon {
 public:
  Daemon(Rung& rung, const std::vector<std::string>& arguments) : pid_(::fork()) {
    if (pid_ != 0) return;
    auto guardian = Guardian::start(rung.folder());
    if (!guardian) ::_exit(1);
    rung.leash().guardian = guardian->get();
    const auto child = ChildProcess::launch(rung.confine(puppet(arguments)));
    if (!child) ::_exit(2);
    for (;;) ::pause();
  }
  ~Daemon() { kill(); }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

void read_marks(const ReadyPipe& marker, int count) {
  char mark = 0;
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(becomes_readable(marker.fd()));
    ASSERT_EQ(::read(marker.fd(), &mark, 1), 1);
  }
}

class KillTreeTest : public ::testing::TestWithParam<KillStrategy> {
 protected:
  void SetUp() override {
    if (!rung_.missing().empty()) GTEST_SKIP() << rung_.missing();
  }
  ~KillTreeTest() override { EXPECT_TRUE(has_no_children()); }

  Rung rung_{GetParam()};
  const ReadyPipe marker_;
};

TEST_P(KillTreeTest, NothingSurvivesATimeOut) {
  const auto outcome = run_supervised(rung_.confine(puppet({"escape", marker_.path()})), {}, limits_with(200ms), -1);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end, End::timed_out);
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(KillTreeTest, NothingSurvivesACancel) {
  const auto outcome =
      run_supervised(rung_.confine(puppet({"escape", marker_.path()})), {}, limits_with(kDeadline), marker_.fd());
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end, End::cancelled);
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(KillTreeTest, NothingSurvivesTheEndOfItsLeader) {
  const auto outcome =
      run_supervised(rung_.confine(puppet({"escape-and-end", marker_.path()})), {}, limits_with(kDeadline), -1);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end, End::exited);
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(KillTreeTest, NothingSurvivesAFlood) {
  const auto outcome =
      run_supervised(rung_.confine(puppet({"escape-and-flood", marker_.path()})), {}, limits_with(kDeadline), -1);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end, End::flooded);
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(KillTreeTest, NothingSurvivesTheDropOfTheHandle) {
  {
    const auto child = ChildProcess::launch(rung_.confine(puppet({"escape", marker_.path()})));
    ASSERT_TRUE(child) << child.error();
    read_marks(marker_, 1);
  }
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

// The worst tree: forty processes, each of which is a new one all the time.
TEST_P(KillTreeTest, ProcessesThatForkAgainAndAgainAreKilledQuickly) {
  auto child = ChildProcess::launch(rung_.confine(puppet({"run-away", marker_.path(), "40"})));
  ASSERT_TRUE(child) << child.error();
  read_marks(marker_, 40);
  const auto before = std::chrono::steady_clock::now();
  (*child)->signal_tree(SIGKILL);
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - before;
  RecordProperty("kill_ms", std::to_string(took.count()));
  std::printf("killed in %.1f ms\n", took.count());
  EXPECT_LT(took, 5s);
}

TEST_P(KillTreeTest, NothingSurvivesTheSuddenDeathOfTheDaemon) {
  Daemon daemon(rung_, {"escape", marker_.path()});
  read_marks(marker_, 1);
  daemon.kill();
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(KillTreeTest, RunawaysDoNotSurviveTheSuddenDeathOfTheDaemon) {
  Daemon daemon(rung_, {"run-away", marker_.path(), "40"});
  read_marks(marker_, 40);
  daemon.kill();
  EXPECT_TRUE(reaches_eof(marker_.read_end()));
}

TEST_P(KillTreeTest, OneRunAfterTheOtherUsesTheSameLeash) {
  for (int i = 0; i < 20; ++i) {
    const auto outcome = run_supervised(rung_.confine(puppet({"echo", "x"})), {}, limits_with(kDeadline), -1);
    ASSERT_TRUE(outcome) << outcome.error();
    EXPECT_EQ(outcome->out.bytes, "x\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Rungs, KillTreeTest,
                         ::testing::Values(KillStrategy::cgroup, KillStrategy::pinned, KillStrategy::shim),
                         [](const auto& rung) { return std::string(name_of(rung.param)); });

TEST(KillStrategyTest, NamesAreReadBack) {
  for (const auto strategy : {KillStrategy::cgroup, KillStrategy::pinned, KillStrategy::shim, KillStrategy::group}) {
    EXPECT_EQ(kill_strategy_from_name(name_of(strategy)), strategy);
  }
  EXPECT_EQ(kill_strategy_from_name(""), std::nullopt);
  EXPECT_EQ(kill_strategy_from_name("auto"), std::nullopt);
}

TEST(KillStrategyTest, TheBestRungIsChosen) {
  KillFeatures features{.cgroup_folder = "/c", .cgroup_problem = {}, .seccomp = true, .shim = "/s"};
  EXPECT_EQ(*choose_kill_strategy({}, features), KillStrategy::cgroup);
  features.cgroup_folder.clear();
  EXPECT_EQ(*choose_kill_strategy({}, features), KillStrategy::pinned);
  features.seccomp = false;
  EXPECT_EQ(*choose_kill_strategy({}, features), KillStrategy::shim);
  features.shim.clear();
  EXPECT_EQ(*choose_kill_strategy({}, features), KillStrategy::group);
}

TEST(KillStrategyTest, WhatIsWantedAndMissingIsAnError) {
  KillFeatures features;
  features.cgroup_problem = "no mount";
  const auto chosen = choose_kill_strategy(KillStrategy::cgroup, features);
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, ErrorCode::invalid_config);
  EXPECT_EQ(chosen.error().detail, "kill-strategy cgroup: no mount");
  EXPECT_EQ(*choose_kill_strategy(KillStrategy::group, {}), KillStrategy::group);
}

}  // namespace
}  // namespace skillscale
