#include "engine/warm_runners.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "skills/python_command.h"
#include "support/manual_clock.h"
#include "support/processes.h"
#include "support/rung.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::becomes_readable;
using testing::has_no_children;

// --- Which runner ----------------------------------------------------------------------------

Skill skill_with(std::optional<Runner> runner, Adapter adapter = Adapter::function) {
  Skill skill;
  skill.runner = runner;
  skill.adapter = adapter;
  if (adapter == Adapter::function) skill.function = FunctionEntry();
  return skill;
}

TEST(ChooseRunnerTest, TheSkillGoesBeforeTheServer) {
  WarmSettings settings;
  EXPECT_EQ(choose_runner(skill_with({}), {}, false, settings).runner, Runner::cold);
  EXPECT_EQ(choose_runner(skill_with(Runner::zygote), {}, false, settings).runner, Runner::zygote);
  settings.runner = Runner::zygote;
  EXPECT_EQ(choose_runner(skill_with({}), {}, false, settings).runner, Runner::zygote);
  EXPECT_EQ(choose_runner(skill_with(Runner::cold), {}, false, settings).runner, Runner::cold);
}

TEST(ChooseRunnerTest, AWorkerNeedsTheSkillAndTheOperator) {
  WarmSettings settings;
  const RunnerChoice refused = choose_runner(skill_with(Runner::worker), {}, false, settings);
  EXPECT_EQ(refused.runner, Runner::cold);
  EXPECT_NE(refused.warning.find("the server does not allow it"), std::string::npos);
  settings.allow_worker = true;
  EXPECT_EQ(choose_runner(skill_with(Runner::worker), {}, false, settings).runner, Runner::worker);
  EXPECT_EQ(choose_runner(skill_with({}), {}, false, settings).runner, Runner::cold);
}

TEST(ChooseRunnerTest, WhatACallCannotDoRunsCold) {
  const WarmSettings settings{.allow_worker = true};
  const Skill skill = skill_with(Runner::worker);
  Intent script, files, collect, env;
  script.script = "scripts/other.py";
  files.files.push_back({"a", "b"});
  collect.collect.emplace_back("*.txt");
  env.env.emplace_back("TOKEN", "secret");
  for (const Intent& intent : {script, files, collect, env}) {
    const RunnerChoice choice = choose_runner(skill, intent, false, settings);
    EXPECT_EQ(choice.runner, Runner::cold) << choice.reason;
    EXPECT_FALSE(choice.reason.empty());
    EXPECT_TRUE(choice.warning.empty());
  }
  EXPECT_EQ(choose_runner(skill, {}, true, settings).runner, Runner::cold);
  EXPECT_EQ(choose_runner(skill_with(Runner::worker, Adapter::intent), {}, false, settings).runner, Runner::cold);
}

TEST(ChooseRunnerTest, WhatACallCannotDoGetsTheRunnerOfTheServer) {
  WarmSettings settings{.runner = Runner::zygote, .allow_worker = true};
  Intent intent;
  intent.env.emplace_back("TOKEN", "secret");
  EXPECT_EQ(choose_runner(skill_with(Runner::worker), intent, false, settings).runner, Runner::zygote);
  settings.runner = Runner::worker;
  EXPECT_EQ(choose_runner(skill_with(Runner::worker), intent, false, settings).runner, Runner::cold);
}

TEST(ChooseRunnerTest, AServerMayCallAllFunctions) {
  const WarmSettings settings{.runner = Runner::worker, .allow_worker = true};
  EXPECT_EQ(choose_runner(skill_with({}), {}, false, settings).runner, Runner::worker);
  EXPECT_EQ(choose_runner(skill_with(Runner::cold), {}, false, settings).runner, Runner::cold);
  EXPECT_EQ(choose_runner(skill_with({}, Adapter::intent), {}, false, settings).runner, Runner::cold);
}

// --- Launching -------------------------------------------------------------------------------

class WarmRunnersTest : public ::testing::Test {
 protected:
  ChildSpec python(std::string_view script) {
    tree_.write("script.py", script);
    return {.program = "/usr/bin/python3",
            .argv = {"python3", (tree_ / "script.py").native()},
            .environment = {kZygoteLocale},
            .working_folder = tree_.root()};
  }
  static std::string out_of(WarmRunners::Launched& launched) {
    std::string text;
    for (std::string line = testing::read_line(launched.process->pipes().out); !line.empty();
         line = testing::read_line(launched.process->pipes().out)) {
      text += line;
    }
    EXPECT_TRUE(becomes_readable(launched.process->exit_fd()));
    EXPECT_TRUE(launched.process->try_reap());
    return text;
  }
  std::uint64_t runs(Runner runner) const { return counters_.runs[static_cast<std::size_t>(runner)]; }
  Result<StartedWorker> start_worker(const RunLeash* leash) {
    auto folder = RunFolder::create(tree_.root());
    if (!folder) return folder.error();
    ChildSpec spec = testing::puppet({"never-read"});
    spec.leash = leash;
    auto process = ChildProcess::launch(spec);
    if (!process) return process.error();
    return StartedWorker{*std::move(process), *std::move(folder), {}};
  }
  Result<WarmRunners::Worker*> worker_for(const SkillPtr& skill, const RunLeash* leash = nullptr) {
    return warm_.worker_for(skill, leash, [&](const RunLeash* its) { return start_worker(its); });
  }
  std::uint64_t ended(WorkerEnd why) const { return counters_.workers_ended[static_cast<std::size_t>(why)]; }

  testing::SkillTree tree_;
  testing::ManualClock clock_;
  WarmSettings settings_{.workers_max = 2};
  WarmCounters counters_;
  WarmRunners warm_{settings_, clock_, counters_};
};

const RunLimits kUnlimited{};
constexpr const char* kParent = "import os; print(os.getppid())";
const RunnerChoice kZygoteChoice{.runner = Runner::zygote, .reason = "", .warning = ""};

TEST_F(WarmRunnersTest, AZygoteRunIsAForkOfTheZygote) {
  auto launched = warm_.launch(kZygoteChoice, python(kParent));
  ASSERT_TRUE(launched) << launched.error();
  EXPECT_NE(out_of(*launched), std::to_string(::getpid()) + "\n");
  EXPECT_EQ(launched->warning, "");
  EXPECT_EQ(runs(Runner::zygote), 1U);
  EXPECT_EQ(counters_.zygote_starts, 1U);
}

TEST_F(WarmRunnersTest, AColdRunIsAChildOfTheServer) {
  auto launched = warm_.launch({}, python(kParent));
  ASSERT_TRUE(launched) << launched.error();
  EXPECT_EQ(out_of(*launched), std::to_string(::getpid()) + "\n");
  EXPECT_EQ(runs(Runner::cold), 1U);
}

TEST_F(WarmRunnersTest, OtherProgramsStartColdWithoutAWord) {
  auto launched = warm_.launch(kZygoteChoice, testing::puppet({"echo", "x"}));
  ASSERT_TRUE(launched) << launched.error();
  EXPECT_EQ(out_of(*launched), "x\n");
  EXPECT_EQ(launched->warning, "");
  EXPECT_EQ(counters_.zygote_fallbacks, 0U);
  EXPECT_EQ(counters_.zygote_starts, 0U);
}

TEST_F(WarmRunnersTest, WithoutAZygoteRunsFallBackVisibly) {
  tree_.write("python3", "#!/bin/sh\n[ \"$1\" = -I ] && exit 1\nexec /usr/bin/python3 \"$@\"\n", true);
  ChildSpec spec = python("print('cold')");
  spec.program = (tree_ / "python3").native();
  for (std::uint64_t run = 1; run <= 2; ++run) {
    auto launched = warm_.launch(kZygoteChoice, spec);
    ASSERT_TRUE(launched) << launched.error();
    EXPECT_EQ(out_of(*launched), "cold\n");
    EXPECT_NE(launched->warning.find("cold start"), std::string::npos);
    EXPECT_EQ(counters_.zygote_fallbacks, run);
  }
  EXPECT_EQ(runs(Runner::cold), 2U);
}

TEST_F(WarmRunnersTest, WhatIsWrongWithARunIsSaidByTheColdStart) {
  ChildSpec spec = python("pass");
  spec.working_folder = "/not/there";
  const auto launched = warm_.launch(kZygoteChoice, spec);
  ASSERT_FALSE(launched);
  EXPECT_EQ(launched.error().code, ErrorCode::spawn_failed);
}

SkillPtr worker_skill(const char* name, const char* digest = "sha256:1", const char* folder = "/skills") {
  Skill skill = skill_with(Runner::worker);
  skill.name = name;
  skill.folder = folder;
  skill.digest = digest;
  return std::make_shared<const Skill>(std::move(skill));
}

TEST_F(WarmRunnersTest, AWorkerStaysForItsSkill) {
  const SkillPtr one = worker_skill("one");
  const SkillPtr two = worker_skill("two");
  const SkillPtr three = worker_skill("three");
  for (const SkillPtr& skill : {one, one, two, one}) ASSERT_TRUE(worker_for(skill));
  EXPECT_EQ(counters_.worker_starts, 2U);
  ASSERT_TRUE(worker_for(three));  // `two` was used longest ago.
  ASSERT_TRUE(worker_for(one));
  EXPECT_EQ(counters_.worker_starts, 3U);
  EXPECT_EQ(ended(WorkerEnd::room), 1U);
  ASSERT_TRUE(worker_for(two));
  EXPECT_EQ(counters_.worker_starts, 4U);
}

TEST_F(WarmRunnersTest, AChangedSkillGetsANewWorkerAndTheOldOneEnds) {
  const auto before = worker_for(worker_skill("one"));
  ASSERT_TRUE(before);
  const std::string folder = (*before)->folder.path();
  const auto after = worker_for(worker_skill("one", "sha256:2"));
  ASSERT_TRUE(after);
  EXPECT_NE((*after)->folder.path(), folder);
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_EQ(counters_.worker_starts, 2U);
  EXPECT_EQ(ended(WorkerEnd::version), 1U);
  ASSERT_TRUE(worker_for(worker_skill("one", "sha256:2", "/moved")));
  EXPECT_EQ(ended(WorkerEnd::version), 2U);
}

TEST_F(WarmRunnersTest, AnOldWorkerEnds) {
  const auto worker = worker_for(worker_skill("one"));
  ASSERT_TRUE(worker);
  const std::string folder = (*worker)->folder.path();
  warm_.done_with(**worker, kUnlimited);
  EXPECT_EQ(runs(Runner::worker), 1U);
  EXPECT_TRUE(std::filesystem::exists(folder));
  clock_.advance(settings_.worker_age_max + 1s);
  ASSERT_TRUE(worker_for(worker_skill("two")));
  EXPECT_EQ(ended(WorkerEnd::age), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(WarmRunnersTest, AWorkerThatIsLostIsNoRun) {
  const auto worker = worker_for(worker_skill("one"));
  ASSERT_TRUE(worker);
  warm_.lost(**worker);
  EXPECT_EQ(ended(WorkerEnd::broken), 1U);
  EXPECT_EQ(runs(Runner::worker), 0U);
  EXPECT_TRUE(has_no_children());
}

// The group of the thread is killed after each of its runs.
TEST_F(WarmRunnersTest, AWorkerHasAControlGroupOfItsOwn) {
  testing::Rung rung(KillStrategy::cgroup);
  if (!rung.missing().empty()) GTEST_SKIP() << rung.missing();
  {
    WarmRunners warm(settings_, clock_, counters_);
    const auto worker =
        warm.worker_for(worker_skill("one"), &rung.leash(), [&](const RunLeash* its) { return start_worker(its); });
    ASSERT_TRUE(worker);
    rung.leash().cgroup->kill();
    EXPECT_TRUE(rung.leash().cgroup->wait_until_empty());
    RunLimits limits;
    limits.timeout = 10ms;
    limits.flood_bytes_max = 1000;
    const auto outcome = (*worker)->worker.call("{}", limits, -1);
    ASSERT_TRUE(outcome) << "it was killed with the run";
    EXPECT_EQ(outcome->end, RunOutcome::End::timed_out);
  }
  EXPECT_TRUE(has_no_children());
}

}  // namespace
}  // namespace skillscale
