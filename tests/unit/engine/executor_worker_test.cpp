// Functions of real skills, called by the executor in an interpreter that stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <string>

#include "engine/executor.h"
#include "engine/warm_runners.h"
#include "os/kill_strategy.h"
#include "os/wakeup.h"
#include "protocol/json_writer.h"
#include "support/processes.h"
#include "support/rung.h"
#include "support/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using testing::has_no_children;
using ::testing::HasSubstr;

// Tells where it runs, what it has seen before, and does what `do` says.
constexpr const char* kFunction = R"(
import os, sys, time
seen = []
def run(input):
    seen.append(input.get('say', ''))
    if 'do' in input:
        exec(input['do'])
    return {'seen': list(seen), 'pid': os.getpid(), 'variables': sorted(os.environ)}
)";

class ExecutorWorkerTest : public ::testing::Test {
 protected:
  ExecutorWorkerTest() {
    skill_.name = "s";
    skill_.folder = skills_ / "s";
    skill_.digest = "sha256:1";
    skill_.adapter = Adapter::function;
    skill_.runner = Runner::worker;
    skill_.function = FunctionEntry{.dialect = FunctionEntry::Dialect::open_skills,
                                    .file = skills_ / "s/scripts/main.py",
                                    .module = {},
                                    .function = "run",
                                    .python = "/usr/bin/python3"};
    write(kFunction);
  }
  ~ExecutorWorkerTest() override {
    warm_.reset();
    EXPECT_TRUE(has_no_children());
    EXPECT_TRUE(std::filesystem::is_empty(runs_.root()) || executor_) << "a folder is left";
  }
  void write(std::string_view text) { skills_.write("s/scripts/main.py", text); }
  ExecutorSettings settings() const {
    ExecutorSettings settings;
    settings.run_folders = runs_.root();
    settings.kill_grace = 100ms;
    return settings;
  }
  Reply run(const std::string& input, Intent intent = {}, std::chrono::milliseconds timeout = testing::kDeadline) {
    if (!executor_) executor_.emplace(settings());
    intent.address = {"r1", "AGENT_REPLY_1"};
    intent.input_json = input;
    const RunWork work{.intent = std::move(intent), .topic = "TOPIC_A", .skill = std::make_shared<const Skill>(skill_)};
    return executor_->execute(work, timeout, cancel_.fd(), {.warm = &*warm_, .leash = leash_});
  }
  Reply run_code(const std::string& code, std::chrono::milliseconds timeout = testing::kDeadline, Intent intent = {}) {
    return run(JsonObjectWriter().text("do", code).take(), std::move(intent), timeout);
  }
  std::uint64_t runs(Runner runner) const { return counters_.runs[static_cast<std::size_t>(runner)]; }
  std::uint64_t ended(WorkerEnd why) const { return counters_.workers_ended[static_cast<std::size_t>(why)]; }
  // What a reply says after such a name.
  static std::string after(const Reply& reply, const std::string& name) {
    const std::size_t at = reply.outputs_json.find("\"" + name + "\":");
    return at == std::string::npos ? ""
                                   : reply.outputs_json.substr(at, reply.outputs_json.find_first_of("]}", at) - at);
  }

  testing::SkillTree skills_;
  testing::SkillTree runs_;
  Skill skill_;
  Wakeup cancel_;
  SystemClock clock_;
  WarmSettings warm_settings_{.allow_worker = true};
  WarmCounters counters_;
  const RunLeash* leash_ = nullptr;
  std::optional<Executor> executor_;
  std::optional<WarmRunners> warm_{std::in_place, warm_settings_, clock_, counters_};
};

TEST_F(ExecutorWorkerTest, CallsOfOneSkillShareAnInterpreter) {
  const Reply first = run(R"({"say":"a"})");
  ASSERT_TRUE(first.success) << first.error;
  const Reply second = run(R"({"say":"b"})");
  EXPECT_THAT(second.outputs_json, HasSubstr("\"a\""));
  EXPECT_THAT(second.outputs_json, HasSubstr("\"b\""));
  EXPECT_EQ(runs(Runner::worker), 2U);
  EXPECT_EQ(runs(Runner::cold), 0U);
  EXPECT_EQ(counters_.worker_starts, 1U);
  EXPECT_THAT(second.warnings, ::testing::IsEmpty());
  ASSERT_TRUE(second.usage);
  EXPECT_GT(second.usage->max_rss_kb, 1000U);
  EXPECT_GT(second.usage->bytes_in, 0U);
}

TEST_F(ExecutorWorkerTest, WithoutTheOperatorItRunsColdAndSaysSo) {
  warm_settings_.allow_worker = false;
  const Reply reply = run(R"({"say":"a"})");
  EXPECT_TRUE(reply.success) << reply.error;
  EXPECT_THAT(reply.warnings, Contains(HasSubstr("the server does not allow it")));
  EXPECT_EQ(runs(Runner::cold), 1U);
}

TEST_F(ExecutorWorkerTest, WhatAnIntentBringsIsInNoLaterCall) {
  ASSERT_TRUE(run(R"({"say":"a"})").success);
  skill_.env.push_back({.name = "TOKEN", .required = false});
  Intent secret;
  secret.env.emplace_back("TOKEN", "a-secret-value");
  secret.traceparent = "00-1-2-00";
  const Reply with_secret = run_code("seen.append(os.environ['TOKEN'])", testing::kDeadline, std::move(secret));
  ASSERT_TRUE(with_secret.success) << with_secret.error;
  EXPECT_EQ(runs(Runner::cold), 1U);
  EXPECT_THAT(with_secret.outputs_json, Not(HasSubstr("a-secret-value")));
  const Reply later = run("{}");
  EXPECT_EQ(runs(Runner::worker), 2U);
  for (const char* name : {"TOKEN", "TRACEPARENT", "SKILLSCALE_REQUEST_ID", "SKILLSCALE_INTENT", "SKILLSCALE_INPUT"}) {
    EXPECT_THAT(later.outputs_json, Not(HasSubstr(name)));
  }
  for (const char* name : {"HOME", "TMPDIR", "SKILL_DIR", "OPEN_SKILLS_WORKDIR"}) {
    EXPECT_THAT(later.outputs_json, HasSubstr(name));
  }
}

TEST_F(ExecutorWorkerTest, FilesGoInByARunOfTheirOwn) {
  Intent files;
  files.files.push_back({"in.txt", "text"});
  const Reply reply = run_code("print(open('in.txt').read())", testing::kDeadline, std::move(files));
  EXPECT_TRUE(reply.success) << reply.error;
  EXPECT_EQ(reply.content, "text\n");
  EXPECT_EQ(runs(Runner::cold), 1U);
}

TEST_F(ExecutorWorkerTest, FilesThatItNamesComeBack) {
  write(
      "def run(input):\n  open('out.txt', 'w').write(input['say'])\n  return {'outputs': {}, 'artifacts': "
      "['out.txt']}");
  for (const char* text : {"one", "two"}) {
    const Reply reply = run(R"({"say":")" + std::string(text) + "\"}");
    ASSERT_EQ(reply.artifacts.size(), 1U) << reply.error;
    EXPECT_EQ(reply.artifacts[0].content, text);
  }
  EXPECT_EQ(runs(Runner::worker), 2U);
}

TEST_F(ExecutorWorkerTest, ACallThatFailsTellsWhatARunWouldTell) {
  const Reply raised = run_code("raise ValueError('wrong')");
  EXPECT_EQ(raised.code, "skill_failed");
  EXPECT_THAT(raised.error, HasSubstr("ValueError: wrong"));
  EXPECT_EQ(run_code("print('text'); sys.exit(7)").content, "text\n");
  EXPECT_EQ(counters_.worker_starts, 1U);
}

TEST_F(ExecutorWorkerTest, ACallThatIsStoppedTakesItsInterpreterAlong) {
  EXPECT_EQ(run_code("time.sleep(1000)", 100ms).code, "timed_out");
  EXPECT_TRUE(has_no_children());
  EXPECT_EQ(run_code("while True: print('x' * 65536)").code, "output_too_large");
  EXPECT_EQ(run_code("os._exit(3)").code, "skill_failed");
  const Reply crashed = run_code("os.kill(os.getpid(), 11)");
  EXPECT_EQ(crashed.code, "skill_failed");
  EXPECT_THAT(crashed.error, HasSubstr("SIGSEGV"));
  cancel_.notify();
  EXPECT_EQ(run_code("time.sleep(1000)").code, "cancelled");
  cancel_.clear();
  EXPECT_EQ(ended(WorkerEnd::broken), 5U);
  EXPECT_TRUE(run("{}").success);
}

TEST_F(ExecutorWorkerTest, GarbageOnTheResultPipeHurtsItselfOnly) {
  const std::string code = R"(
for d in os.listdir('/proc/self/fd'):
    try: int(d) > 2 and os.write(int(d), b'x' * 500)
    except OSError: pass
)";
  EXPECT_EQ(run_code(code).code, "skill_failed");
  EXPECT_EQ(ended(WorkerEnd::broken), 1U);
  EXPECT_TRUE(run("{}").success);
}

TEST_F(ExecutorWorkerTest, MemoryIsLimited) {
  skill_.limits.memory_bytes = 200U << 20;
  EXPECT_EQ(run_code("bytearray(500 << 20)").code, "out_of_memory");
}

TEST_F(ExecutorWorkerTest, AChangedSkillIsTakenUp) {
  ASSERT_TRUE(run(R"({"say":"a"})").success);
  write("def run(input): return 'new'");
  skill_.digest = "sha256:2";
  EXPECT_EQ(run("{}").content, "new");
  EXPECT_EQ(ended(WorkerEnd::version), 1U);
}

TEST_F(ExecutorWorkerTest, AWorkerThatDiedWhileItWaitedIsReplaced) {
  const Reply first = run("{}");
  const pid_t pid = std::stoi(after(first, "pid").substr(6));
  ASSERT_GT(pid, 1);
  ::kill(pid, SIGKILL);
  siginfo_t dead{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &dead, WEXITED | WNOWAIT), 0);
  const Reply second = run("{}");
  EXPECT_TRUE(second.success) << second.error;
  EXPECT_THAT(second.warnings, ::testing::IsEmpty());
  EXPECT_EQ(runs(Runner::worker), 2U);
}

TEST_F(ExecutorWorkerTest, ALimitOfProcessorTimeNeedsARun) {
  skill_.limits.cpu = 5s;
  const Reply reply = run("{}");
  EXPECT_TRUE(reply.success) << reply.error;
  EXPECT_THAT(reply.warnings, Contains(HasSubstr("processor time")));
  EXPECT_EQ(counters_.worker_fallbacks, 1U);
  EXPECT_EQ(runs(Runner::cold), 1U);
}

TEST_F(ExecutorWorkerTest, ItIsConfinedLikeARun) {
  for (const SandboxProfile profile : {SandboxProfile::standard, SandboxProfile::strict}) {
    auto policy = SandboxPolicy::create({.profile = profile, .weakest = profile}, {});
    if (!policy) continue;
    warm_.emplace(warm_settings_, clock_, counters_);
    ExecutorSettings confined = settings();
    confined.sandbox = &*policy;
    executor_.emplace(std::move(confined));
    const std::uint64_t before = runs(Runner::worker);
    skills_.write("secret", "of another");
    for (const std::string& denied :
         {"open('" + (skills_ / "secret").native() + "')", std::string("open('/etc/x', 'w')"),
          std::string("open(os.environ['SKILL_DIR'] + '/x', 'w')"), std::string("__import__('socket').socket()")}) {
      const Reply reply = run_code(denied);
      EXPECT_EQ(reply.code, "skill_failed") << denied;
      EXPECT_THAT(reply.error, HasSubstr("Error: [Errno")) << denied;
    }
    const Reply reply = run_code("open('own', 'w').write('x'); print(open('own').read(), os.listdir('scripts'))");
    EXPECT_EQ(reply.content, "x ['main.py']\n") << reply.error;
    EXPECT_EQ(runs(Runner::worker), before + 5) << name_of(profile);
    warm_.reset();
    executor_.reset();
    warm_.emplace(warm_settings_, clock_, counters_);
  }
}

TEST_F(ExecutorWorkerTest, NothingOfItSurvivesItsEnd) {
  for (const KillStrategy strategy : {KillStrategy::cgroup, KillStrategy::pinned, KillStrategy::shim}) {
    testing::Rung rung(strategy);
    if (!rung.missing().empty()) continue;
    auto policy = SandboxPolicy::create({.profile = SandboxProfile::none, .weakest = SandboxProfile::none}, {});
    ASSERT_TRUE(policy) << policy.error();
    ExecutorSettings confined = settings();
    confined.sandbox = &*policy;
    confined.maxima.memory_bytes = 0;  // An instrumented shim needs more address space than any run.
    executor_.emplace(std::move(confined));
    leash_ = &rung.leash();
    const testing::ReadyPipe marker;
    // Deliberately out of sight of the interpreter: what it has started is no child of it any more.
    const Reply reply = run_code(
        "import ctypes, signal; ctypes.CDLL(None).prctl(36, 0, 0, 0, 0); w = os.open('" + marker.path() +
        "', os.O_WRONLY); first = os.fork(); first or (os.setsid(), os.fork() and os._exit(0), signal.signal(15, "
        "signal.SIG_IGN), os.write(w, b'x'), time.sleep(1000)); os.waitpid(first, 0); os.close(w)");
    EXPECT_TRUE(reply.success) << reply.error;
    EXPECT_TRUE(testing::becomes_readable(marker.fd()));
    warm_.reset();
    EXPECT_TRUE(testing::reaches_eof(marker.read_end())) << name_of(strategy);
    executor_.reset();
    warm_.emplace(warm_settings_, clock_, counters_);
  }
}

}  // namespace
}  // namespace skillscale
