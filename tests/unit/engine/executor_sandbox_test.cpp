// The executor with a sandbox, as a server has it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "engine/executor.h"
#include "os/wakeup.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using enum SandboxProfile;
using ::testing::Contains;
using ::testing::HasSubstr;

class ExecutorSandboxTest : public ::testing::Test {
 protected:
  Reply run(const SandboxRules& rules, const std::string& script, const std::string& wish = "", bool network = false,
            const SandboxSettings& settings = {}) {
    auto policy = SandboxPolicy::create(rules, settings);
    EXPECT_TRUE(policy) << policy.error();
    ExecutorSettings executor_settings;
    executor_settings.run_folders = runs_.root();
    executor_settings.sandbox = &*policy;
    const Executor executor(std::move(executor_settings));
    skills_.write("s/scripts/run.sh", script);
    skills_.write("s/assets/data", "data of the skill");
    Skill skill;
    skill.name = "s";
    skill.folder = skills_ / "s";
    skill.adapter = Adapter::intent;
    skill.sandbox = wish;
    skill.wants_network = network;
    skill.run = Runnable{"/bin/sh", {"/bin/sh", (skills_ / "s/scripts/run.sh").native()}};
    Intent intent;
    intent.address = {"r1", "AGENT_REPLY_1"};
    const RunWork work{
        .intent = std::move(intent), .topic = "TOPIC_A", .skill = std::make_shared<const Skill>(std::move(skill))};
    return executor.execute(work, 20s, cancel_.fd());
  }
  // Whether this machine can do what the test is about.
  static bool can(SandboxProfile profile) {
    static const auto sandbox = Sandbox::create({}, probe_sandbox());
    return sandbox && sandbox->missing(profile).empty();
  }

  testing::SkillTree skills_;
  testing::SkillTree runs_;
  Wakeup cancel_;
};

TEST_F(ExecutorSandboxTest, ARunReadsItsSkillAndWritesItsFolderAndNothingElse) {
  skills_.write("other/secret", "of another skill");
  const std::string script =
      "cat \"$SKILL_DIR/assets/data\" assets/data; echo x > f && echo ' written'; mktemp >/dev/null; "
      "cat ../../*/other/secret '" +
      (skills_ / "other/secret").native() +
      "'; "
      "echo x > \"$SKILL_DIR/f\" || echo refused";
  for (const SandboxProfile profile : {standard, strict}) {
    if (!can(profile)) continue;
    const Reply reply = run({.profile = profile, .weakest = profile}, script);
    EXPECT_TRUE(reply.success) << reply.error;
    EXPECT_EQ(reply.content, "data of the skilldata of the skill written\nrefused\n")
        << name_of(profile) << reply.stderr_tail;
  }
}

TEST_F(ExecutorSandboxTest, ASkillThatAsksForLessThanIsAllowedIsNotRun) {
  if (!can(standard)) GTEST_SKIP() << "the standard profile cannot be had here";
  const Reply reply = run({}, "echo ran", "none");
  EXPECT_EQ(reply.code, "not_allowed");
  EXPECT_EQ(reply.content, "");
  const Reply allowed = run({.profile = standard, .weakest = none}, "echo ran", "none");
  EXPECT_EQ(allowed.content, "ran\n") << allowed.error;
}

TEST_F(ExecutorSandboxTest, ANetworkThatIsNotAllowedIsAWarning) {
  if (!can(standard)) GTEST_SKIP() << "the standard profile cannot be had here";
  const Reply reply = run({}, "echo ran", "", true);
  EXPECT_EQ(reply.content, "ran\n") << reply.error;
  EXPECT_THAT(reply.warnings, Contains(HasSubstr("allow-network")));
}

TEST_F(ExecutorSandboxTest, ASignalIsToldApartAlsoThroughBubblewrap) {
  if (!can(strict)) GTEST_SKIP() << "the strict profile cannot be had here";
  const Reply reply = run({}, "kill -SEGV $$", "strict");
  ASSERT_TRUE(reply.exit) << reply.error;
  EXPECT_EQ(reply.exit->signal, SIGSEGV);
}

}  // namespace
}  // namespace skillscale
