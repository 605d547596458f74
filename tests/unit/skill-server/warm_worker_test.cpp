// Functions of real skills in a real worker.
#include "skill-server/warm_worker.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>

#include "os/wakeup.h"
#include "skill-server/python_runtime.h"
#include "skill-server/python_sources.h"
#include "support/processes.h"
#include "unit/skill-server/skill_tree.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::has_no_children;

class WarmWorkerTest : public ::testing::Test {
 protected:
  WarmWorkerTest() {
    for (const PythonSource& source : python_sources()) tree_.write("runtime/" + std::string(source.name), source.text);
  }
  WarmWorker start(std::string_view function) {
    tree_.write("skill/main.py", function);
    const ChildSpec spec{.program = "/usr/bin/python3",
                         .argv = {"python3", "-B", (tree_ / "runtime/skillscale_worker.py").native()},
                         .environment = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8"},
                         .working_folder = tree_.root(),
                         .result = true};
    auto process = ChildProcess::launch(spec);
    EXPECT_TRUE(process) << process.error();
    return WarmWorker(*std::move(process));
  }
  std::string input(const std::string& json) const {
    return R"({"dialect":"open_skills","folder":")" + (tree_ / "skill").native() + R"(","file":")" +
           (tree_ / "skill/main.py").native() + R"(","module":"","function":"run","inputs":[],"input":)" + json + "}";
  }
  static RunLimits run_limits(std::chrono::milliseconds timeout = testing::kDeadline) {
    return {.timeout = timeout,
            .kill_grace = 100ms,
            .drain_grace = 250ms,
            .stdout_bytes_max = 1000,
            .stderr_bytes_max = 1000,
            .flood_bytes_max = 16000,
            .result_bytes_max = 5000000};
  }
  RunOutcome call(WarmWorker& worker, const std::string& json = "{}", RunLimits limits = run_limits()) const {
    auto outcome = worker.call(input(json), limits, -1);
    EXPECT_TRUE(outcome) << outcome.error();
    return outcome ? *std::move(outcome) : RunOutcome();
  }

  testing::SkillTree tree_;
};

TEST_F(WarmWorkerTest, OneInterpreterAnswersAllCalls) {
  WarmWorker worker = start(
      "import os\ncount = 0\ndef run(input):\n  global count\n  count += 1\n  return {'n': count, 'pid': os.getpid(), "
      "'x': input['x']}");
  const std::string first = call(worker, R"({"x":"ü"})").result.bytes;
  const std::string second = call(worker, R"({"x":[1]})").result.bytes;
  EXPECT_NE(first.find(R"("n": 1)"), std::string::npos) << first;
  EXPECT_NE(first.find("ü"), std::string::npos) << first;
  EXPECT_NE(second.find(R"("n": 2)"), std::string::npos) << second;
  EXPECT_EQ(first.substr(first.find("pid"), 12), second.substr(second.find("pid"), 12));
  EXPECT_EQ(worker.calls(), 2U);
}

TEST_F(WarmWorkerTest, WhatAFunctionPrintsIsKeptPerCall) {
  WarmWorker worker = start(
      "import sys\ndef run(input):\n  print(input['x'])\n  print('e', input['x'], file=sys.stderr)\n  "
      "sys.stdin.read()");
  EXPECT_EQ(call(worker, R"({"x":1})").out.bytes, "1\n");
  const RunOutcome second = call(worker, R"({"x":2})");
  EXPECT_EQ(second.out.bytes, "2\n");
  EXPECT_EQ(second.stderr_tail, "e 2\n");
}

TEST_F(WarmWorkerTest, MuchOutputIsCut) {
  WarmWorker worker = start("def run(input):\n  for i in range(100000): print('0123456789')\n  return 'done'");
  const RunOutcome outcome = call(worker);
  EXPECT_EQ(outcome.out.bytes.size(), 1000U);
  EXPECT_TRUE(outcome.out.truncated);
  EXPECT_EQ(outcome.out_bytes_total, 1100000U);
}

TEST_F(WarmWorkerTest, AFailureEndsOneCall) {
  WarmWorker worker = start(
      "import sys\ndef run(input):\n  if input == 1: raise ValueError('wrong')\n  if input == 2: sys.exit(7)\n  if "
      "input == 3: sys.exit('why')\n  if input == 4: return object()\n  return 'fine'");
  const RunOutcome first = call(worker, "1");
  EXPECT_EQ(first.exit.code, 1);
  EXPECT_NE(first.stderr_tail.find("ValueError: wrong"), std::string::npos);
  EXPECT_EQ(first.stderr_tail.find("skillscale_worker"), std::string::npos) << first.stderr_tail;
  EXPECT_EQ(call(worker, "2").exit.code, 7);
  EXPECT_EQ(call(worker, "3").stderr_tail, "why\n");
  EXPECT_EQ(call(worker, "4").exit.code, 1);
  EXPECT_EQ(call(worker, "5").exit.code, 0);
}

TEST_F(WarmWorkerTest, ABrokenSkillIsAFailedCall) {
  WarmWorker worker = start("def run(:");
  EXPECT_EQ(call(worker).exit.code, 1);
  EXPECT_NE(call(worker).stderr_tail.find("SyntaxError"), std::string::npos);
}

TEST_F(WarmWorkerTest, LargeInputsAndResultsPass) {
  WarmWorker worker = start("def run(input): return input['x'] * 2");
  const RunOutcome outcome = call(worker, R"({"x":")" + std::string(1000000, 'a') + R"("})");
  EXPECT_GT(outcome.result.bytes.size(), 2000000U);
  EXPECT_EQ(call(worker, R"({"x":"b"})").exit.code, 0);
}

TEST_F(WarmWorkerTest, AResultThatIsTooLargeEndsIt) {
  WarmWorker worker = start("def run(input): return 'x' * 3000000");
  EXPECT_EQ(call(worker).end, RunOutcome::End::flooded);
  EXPECT_FALSE(worker.usable());
}

TEST_F(WarmWorkerTest, ATimeOutEndsTheWholeTree) {
  WarmWorker worker = start(
      "import os, time, signal\ndef run(input):\n  signal.signal(15, signal.SIG_IGN)\n  os.fork()\n  time.sleep(1000)");
  const RunOutcome outcome = call(worker, "{}", run_limits(300ms));
  EXPECT_EQ(outcome.end, RunOutcome::End::timed_out);
  EXPECT_FALSE(worker.usable());
  EXPECT_FALSE(worker.call(input("{}"), run_limits(), -1));
  EXPECT_TRUE(has_no_children());
}

TEST_F(WarmWorkerTest, ACancelEndsIt) {
  WarmWorker worker = start("import time\ndef run(input): time.sleep(1000)");
  Wakeup cancel;
  cancel.notify();
  EXPECT_EQ(worker.call(input("{}"), run_limits(), cancel.fd())->end, RunOutcome::End::cancelled);
  EXPECT_FALSE(worker.usable());
}

TEST_F(WarmWorkerTest, AWorkerThatDiesInACallSaysHow) {
  for (const char* how : {"os._exit(9)", "os.kill(os.getpid(), 11)"}) {
    WarmWorker worker = start("import os\ndef run(input): " + std::string(how));
    const RunOutcome outcome = call(worker);
    EXPECT_EQ(outcome.end, RunOutcome::End::exited);
    EXPECT_TRUE(outcome.exit.code == 9 || outcome.exit.signal == SIGSEGV);
    EXPECT_FALSE(worker.usable());
  }
}

TEST_F(WarmWorkerTest, AWorkerThatDiedWhileItWaitedHasRunNothing) {
  WarmWorker worker = start("import os\ndef run(input): return os.getpid()");
  const std::string result = call(worker).result.bytes;
  const int pid = std::stoi(result.substr(result.rfind(' ')));
  ::kill(pid, SIGKILL);
  for (int attempt = 0; attempt < 1000 && worker.usable(); ++attempt) {
    if (!worker.call(input("{}"), run_limits(), -1)) break;
  }
  EXPECT_FALSE(worker.usable());
}

// A skill that finds our descriptors can only hurt itself: its answers stop making sense.
TEST_F(WarmWorkerTest, GarbledAnswersEndIt) {
  for (const char* bytes : {"b'x' * 1000", "b''.join([b'\\xff' * 8, b'\\0' * 100])", "b'\\0' * 500"}) {
    WarmWorker worker = start(
        "import os\ndef run(input):\n  for d in os.listdir('/proc/self/fd'):\n    try:\n      if int(d) > 2: "
        "os.write(int(d), " +
        std::string(bytes) + ")\n    except OSError: pass\n  return 'x'");
    call(worker);
    EXPECT_FALSE(worker.usable()) << bytes;
  }
}

TEST_F(WarmWorkerTest, ProgramsThatItStartsAreNotWaitedForByTheirOutput) {
  WarmWorker worker = start(
      "import subprocess\ndef run(input):\n  subprocess.run(['/bin/sh', '-c', 'head -c 1000000 /dev/zero'], "
      "check=True)\n  return 'done'");
  EXPECT_EQ(call(worker).exit.code, 0);
  EXPECT_TRUE(worker.usable());
}

TEST_F(WarmWorkerTest, UsageIsThatOfTheCall) {
  WarmWorker worker = start(
      "import time\ndef run(input):\n  end = time.process_time() + input\n  while time.process_time() < end: pass");
  EXPECT_GE(call(worker, "0.2").usage.cpu, 190ms);
  const RunOutcome second = call(worker, "0");
  EXPECT_LT(second.usage.cpu, 100ms);
  EXPECT_GT(second.usage.max_rss_bytes, 1000000U);
}

TEST_F(WarmWorkerTest, DroppingItLeavesNoProcess) {
  {
    WarmWorker worker = start("import os\ndef run(input): os.fork()");
    EXPECT_EQ(worker.calls(), 0U);
  }
  EXPECT_TRUE(has_no_children());
}

}  // namespace
}  // namespace skillscale
