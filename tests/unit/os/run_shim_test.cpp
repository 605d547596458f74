// The shim is not seen by the run and by who waits for it: all that it adds is the kill.
#include "os/run_shim.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "os/supervised_run.h"
#include "support/processes.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using End = RunOutcome::End;
using testing::kDeadline;

class RunShimTest : public ::testing::Test {
 protected:
  ~RunShimTest() override { EXPECT_TRUE(testing::has_no_children()); }

  ChildSpec spec(std::vector<std::string> arguments) const {
    ChildSpec result = testing::puppet(std::move(arguments));
    result.leash = &leash_;
    return result;
  }
  RunOutcome run(const ChildSpec& what, std::string_view input = {}, std::chrono::milliseconds timeout = kDeadline) {
    const RunLimits limits{.timeout = timeout,
                           .kill_grace = 50ms,
                           .drain_grace = 2s,
                           .stdout_bytes_max = 10'000,
                           .stderr_bytes_max = 10'000,
                           .flood_bytes_max = 100'000};
    auto outcome = run_supervised(what, input, limits, -1);
    EXPECT_TRUE(outcome) << outcome.error();
    return outcome ? *std::move(outcome) : RunOutcome();
  }

 private:
  const std::string shim_ = SKILLSCALE_RUN_SHIM;
  RunLeash leash_{
      .strategy = KillStrategy::shim, .guardian = nullptr, .cgroup = nullptr, .shim = &shim_, .pin = nullptr};
};

TEST_F(RunShimTest, TheExitStatusIsThatOfTheProgram) {
  EXPECT_EQ(run(spec({"exit", "7"})).exit.code, 7);
  EXPECT_EQ(run(spec({"exit", "0"})).exit.code, 0);
  for (const int number : {SIGKILL, SIGSEGV, SIGTERM, SIGUSR1}) {
    EXPECT_EQ(run(spec({"die-by-signal", std::to_string(number)})).exit.signal, number);
  }
}

TEST_F(RunShimTest, InputOutputAndEnvironmentPassThrough) {
  EXPECT_EQ(run(spec({"cat"}), "through").out.bytes, "through");
  ChildSpec printer = spec({"print-environment"});
  printer.environment = {"A=1"};
  EXPECT_EQ(run(printer).out.bytes, "A=1\n");
}

TEST_F(RunShimTest, TheProgramHasTheDescriptorsAndSignalsThatItHasWithoutOne) {
  for (const char* const what : {"print-descriptors", "print-signals"}) {
    EXPECT_EQ(run(spec({what})).out.bytes, run(testing::puppet({what})).out.bytes);
  }
}

TEST_F(RunShimTest, AProgramThatObeysIsGivenTheTimeToDoSo) {
  const RunOutcome outcome = run(spec({"obey-sigterm"}), {}, 300ms);
  EXPECT_EQ(outcome.end, End::timed_out);
  EXPECT_FALSE(outcome.exit.signal == SIGKILL);
}

TEST_F(RunShimTest, TheUsageIsThatOfTheProgram) { EXPECT_GE(run(spec({"burn"}), {}, 200ms).usage.cpu, 50ms); }

TEST_F(RunShimTest, AProgramThatCannotBeStartedSaysSo) {
  ChildSpec missing = spec({});
  missing.program = "/no/such/program";
  const RunOutcome outcome = run(missing);
  EXPECT_EQ(outcome.exit.code, 127);
  EXPECT_EQ(outcome.err.bytes, "cannot start /no/such/program: No such file or directory\n");
}

TEST_F(RunShimTest, AStoppedShimIsKilledAllTheSame) {
  EXPECT_EQ(run(spec({"stop-parent"}), {}, 200ms).end, End::timed_out);
}

TEST_F(RunShimTest, AKilledShimIsAnEndLikeAnyOther) { EXPECT_EQ(run(spec({"kill-parent"})).exit.signal, SIGKILL); }

TEST_F(RunShimTest, ByHandItSaysWhoStartsIt) {
  ChildSpec by_hand{.program = SKILLSCALE_RUN_SHIM, .argv = {"shim"}, .environment = {}, .working_folder = "/"};
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"shim"},
                                                    {"shim", "x", "/bin/true", "true"},
                                                    {"shim", "99", "/bin/true", "true"},
                                                    {"shim", "1", "/bin/true"}}) {
    by_hand.argv = arguments;
    const RunOutcome outcome = run(by_hand);
    EXPECT_EQ(outcome.exit.code, 2);
    EXPECT_NE(outcome.err.bytes.find("usage: skillscale_run_shim"), std::string::npos);
  }
}

}  // namespace
}  // namespace skillscale
