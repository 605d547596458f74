// The executor with real scripts.
#include "engine/executor.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "os/wakeup.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

class ExecutorTest : public ::testing::Test {
 protected:
  ExecutorTest() : executor_({.run_folders = runs_.root(), .kill_grace = 200ms, .maxima = {.output_bytes = 1000}}) {}

  // The reply of a shell skill to an intent.
  Reply run(const std::string& script, Intent intent = {}, std::chrono::milliseconds timeout = 20s) {
    skills_.write("s/run.sh", script);
    Skill skill;
    skill.name = "s";
    skill.version = "1.2";
    skill.folder = skills_ / "s";
    const std::string path = (skills_ / "s/run.sh").native();
    skill.run = Runnable{"/bin/sh", {"/bin/sh", path}};
    return run_skill(std::move(skill), std::move(intent), timeout);
  }
  Reply run_skill(Skill skill, Intent intent = {}, std::chrono::milliseconds timeout = 20s) {
    intent.address = {"r1", "AGENT_REPLY_1"};
    const RunWork work{
        .intent = std::move(intent), .topic = "TOPIC_A", .skill = std::make_shared<const Skill>(std::move(skill))};
    return executor_.execute(work, timeout, cancel_.fd());
  }
  std::size_t folders_left() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(runs_.root())) ++count;
    return count;
  }

  testing::SkillTree skills_;
  testing::SkillTree runs_;
  Wakeup cancel_;
  Executor executor_;
};

TEST_F(ExecutorTest, DataComesOnStandardInputAndTheOutputIsTheContent) {
  Intent intent;
  intent.stdin_data = "hello";
  const Reply reply = run("cat; printf ' there'", intent);
  EXPECT_TRUE(reply.success) << reply.error;
  EXPECT_EQ(reply.content, "hello there");
  EXPECT_EQ(reply.exit->code, 0);
  EXPECT_EQ(reply.skill, "s");
  EXPECT_EQ(reply.version, "1.2");
  EXPECT_EQ(reply.request_id, "r1");
  EXPECT_GT(reply.timing_ms.spawn.value_or(0), 0);
}

TEST_F(ExecutorTest, TheEnvironmentIsMadeAndNotInherited) {
  ASSERT_EQ(::setenv("SKILLSCALE_TEST_SECRET", "do not leak", 1), 0);
  Intent intent;
  intent.body = R"({"data":"x"})";
  intent.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const Reply reply = run("env", intent);
  ::unsetenv("SKILLSCALE_TEST_SECRET");
  EXPECT_EQ(reply.content.find("do not leak"), std::string::npos);
  for (const std::string& line :
       {std::string("PATH=/usr/local/bin:/usr/bin:/bin\n"), std::string("LANG=C.UTF-8\n"),
        "SKILL_DIR=" + (skills_ / "s").native() + "\n", "CLAUDE_SKILL_DIR=" + (skills_ / "s").native() + "\n",
        std::string("SKILLSCALE_INTENT={\"data\":\"x\"}\n"), std::string("SKILLSCALE_REQUEST_ID=r1\n"),
        std::string("SKILLSCALE_SKILL=s\n"), std::string("SKILLSCALE_TOPIC=TOPIC_A\n"), "HOME=" + runs_.root().native(),
        "TMPDIR=" + runs_.root().native(), "TRACEPARENT=" + intent.traceparent}) {
    EXPECT_NE(reply.content.find(line), std::string::npos) << line << "\nis not in\n" << reply.content;
  }
}

TEST_F(ExecutorTest, ALargeIntentComesByFile) {
  Intent intent;
  intent.body = std::string(limits::kIntentEnvBytesMax + 1, 'x');
  const Reply reply = run("echo \"[$SKILLSCALE_INTENT]\"; wc -c < \"$SKILLSCALE_INTENT_FILE\"", intent);
  EXPECT_EQ(reply.content, "[]\n" + std::to_string(intent.body.size()) + "\n") << reply.error;
}

TEST_F(ExecutorTest, AnIntentWithANulComesByFile) {
  Intent intent;
  intent.body = std::string("a\0b", 3);
  const Reply reply = run("wc -c < \"$SKILLSCALE_INTENT_FILE\"", intent);
  EXPECT_EQ(reply.content, "3\n") << reply.error;
}

TEST_F(ExecutorTest, TheWorkingFolderIsFreshAndRemoved) {
  const Reply reply =
      run("pwd; ls; mkdir -p a/b; echo x > a/b/c; chmod 0 a/b; chmod 0 a; touch \"$HOME/f\" \"$TMPDIR/g\"");
  EXPECT_TRUE(reply.success) << reply.error;
  EXPECT_EQ(reply.content.find(runs_.root().native()), 0U) << reply.content;
  EXPECT_EQ(folders_left(), 0U);
}

TEST_F(ExecutorTest, AnExitStatusIsAFailureInTheSkillsOwnWords) {
  const Reply reply = run("echo partial; echo 'no such column' >&2; exit 3");
  EXPECT_FALSE(reply.success);
  EXPECT_EQ(reply.code, "skill_failed");
  EXPECT_EQ(reply.exit->code, 3);
  EXPECT_EQ(reply.content, "partial\n");
  EXPECT_EQ(reply.stderr_tail, "no such column\n");
  EXPECT_NE(reply.error.find("no such column"), std::string::npos);
}

TEST_F(ExecutorTest, ASignalIsToldApart) {
  const Reply reply = run("kill -SEGV $$");
  EXPECT_EQ(reply.code, "skill_failed");
  EXPECT_EQ(reply.exit->signal, SIGSEGV);
  EXPECT_FALSE(reply.exit->code);
}

TEST_F(ExecutorTest, ARunPastItsTimeIsStopped) {
  const Reply reply = run("trap '' TERM; while :; do :; done", {}, 100ms);
  EXPECT_EQ(reply.code, "timed_out");
  EXPECT_TRUE(reply.exit->timed_out);
  EXPECT_EQ(reply.exit->signal, SIGKILL);
}

TEST_F(ExecutorTest, ACancelledRunIsStopped) {
  cancel_.notify();
  const Reply reply = run("exec sleep 600");
  EXPECT_EQ(reply.code, "cancelled");
  EXPECT_EQ(reply.exit->signal, SIGTERM);
}

TEST_F(ExecutorTest, OutputPastTheCapIsMarkedAndAFloodIsStopped) {
  const Reply cut = run("head -c 2000 /dev/zero | tr '\\0' x");
  EXPECT_TRUE(cut.success);
  EXPECT_TRUE(cut.truncated.out);
  EXPECT_EQ(cut.content.find(std::string(1000, 'x') + "\n["), 0U);
  const Reply flood = run("exec yes");
  EXPECT_EQ(flood.code, "output_too_large");
}

TEST_F(ExecutorTest, TwentyMegabytesGoThroughAScriptThatEchoes) {
  Executor roomy({.run_folders = runs_.root(), .kill_grace = 200ms, .maxima = {.output_bytes = 32 * limits::kMiB}});
  Intent intent;
  intent.stdin_data = std::string(20 * limits::kMiB, 'x');
  Skill skill;
  skill.name = "cat";
  skill.folder = skills_.root();
  skill.run = Runnable{"/bin/cat", {"/bin/cat"}};
  const RunWork work{.intent = intent, .topic = "TOPIC_A", .skill = std::make_shared<const Skill>(skill)};
  EXPECT_EQ(roomy.execute(work, 20s, cancel_.fd()).content.size(), intent.stdin_data.size());
}

TEST_F(ExecutorTest, AScriptThatNeverReadsItsInputIsFine) {
  Intent intent;
  intent.stdin_data = std::string(20 * limits::kMiB, 'x');
  EXPECT_EQ(run("echo done", intent).content, "done\n");
}

TEST_F(ExecutorTest, AProgramThatCannotBeStartedIsToldApart) {
  Skill skill;
  skill.name = "broken";
  skill.folder = skills_.root();
  skill.run = Runnable{"/nowhere/at/all", {"/nowhere/at/all"}};
  const Reply reply = run_skill(skill);
  EXPECT_EQ(reply.code, "spawn_failed");
  EXPECT_FALSE(reply.exit);
  EXPECT_NE(reply.error.find("/nowhere/at/all"), std::string::npos) << reply.error;
  EXPECT_EQ(folders_left(), 0U);
}

TEST_F(ExecutorTest, InstructionsAreAnsweredWithoutAProcess) {
  Skill skill;
  skill.name = "advice";
  skill.body = "First, think.";
  const Reply reply = run_skill(skill);
  EXPECT_TRUE(reply.success);
  EXPECT_EQ(reply.content, "First, think.");
  EXPECT_FALSE(reply.exit);
}

TEST_F(ExecutorTest, AMissingInterpreterIsSaid) {
  Skill skill;
  skill.name = "exotic";
  skill.not_runnable = "no interpreter \"cobol\"";
  const Reply reply = run_skill(skill);
  EXPECT_EQ(reply.code, "spawn_failed");
  EXPECT_EQ(reply.error, "no interpreter \"cobol\"");
}

}  // namespace
}  // namespace skillscale
