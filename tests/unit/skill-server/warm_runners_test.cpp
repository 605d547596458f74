#include "skill-server/warm_runners.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "skill-server/python_command.h"
#include "support/manual_clock.h"
#include "support/processes.h"
#include "unit/skill-server/skill_tree.h"

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
  Result<WarmRunners::Started> start_worker() {
    auto folder = RunFolder::create(tree_.root());
    if (!folder) return folder.error();
    auto process = ChildProcess::launch(testing::puppet({"never-read"}));
    if (!process) return process.error();
    return WarmRunners::Started{*std::move(process), *std::move(folder)};
  }

  testing::SkillTree tree_;
  testing::ManualClock clock_;
  WarmSettings settings_{.workers_max = 2};
  WarmCounters counters_;
  WarmRunners warm_{settings_, clock_, counters_};
};

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

TEST_F(WarmRunnersTest, AWorkerIsStartedOncePerVersionOfASkill) {
  int starts = 0;
  const auto start = [&] {
    ++starts;
    return start_worker();
  };
  Skill one = skill_with(Runner::worker);
  one.digest = "sha256:1";
  Skill two = one;
  two.digest = "sha256:2";
  Skill three = one;
  three.digest = "sha256:3";
  for (const Skill* skill : {&one, &one, &two, &one}) ASSERT_TRUE(warm_.worker_for(*skill, start));
  EXPECT_EQ(starts, 2);
  ASSERT_TRUE(warm_.worker_for(three, start));  // `two` was used longest ago.
  ASSERT_TRUE(warm_.worker_for(one, start));
  EXPECT_EQ(starts, 3);
  ASSERT_TRUE(warm_.worker_for(two, start));
  EXPECT_EQ(starts, 4);
  EXPECT_EQ(counters_.worker_starts, 4U);
}

TEST_F(WarmRunnersTest, AnOldWorkerEnds) {
  const Skill skill = skill_with(Runner::worker);
  auto worker = warm_.worker_for(skill, [&] { return start_worker(); });
  ASSERT_TRUE(worker);
  const std::string folder = (*worker)->folder.path();
  warm_.done_with(**worker);
  EXPECT_EQ(counters_.workers_ended, 0U);
  clock_.advance(settings_.worker_age_max + 1s);
  warm_.done_with(**worker);
  EXPECT_EQ(counters_.workers_ended, 1U);
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_TRUE(has_no_children());
}

TEST_F(WarmRunnersTest, WorkersAreNotPutIntoTheControlGroupOfARun) {
  EXPECT_EQ(warm_.leash_for_worker(nullptr), nullptr);
  RunLeash leash;
  leash.strategy = KillStrategy::cgroup;
  EXPECT_EQ(warm_.leash_for_worker(&leash)->strategy, KillStrategy::pinned);
}

}  // namespace
}  // namespace skillscale
