// What a supervised run costs beyond the bare spawn of the same program.
//
// The two alternate inside one measurement, so that both see the same machine;
// the figures are for one thread.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/limits.h"
#include "os/supervised_run.h"

namespace {

using namespace skillscale;
using Microseconds = std::chrono::duration<double, std::micro>;
using std::chrono::steady_clock;

const RunLimits kLimits{.timeout = limits::kRunTimeoutDefault,
                        .kill_grace = limits::kKillGrace,
                        .drain_grace = limits::kPipeDrainGrace,
                        .stdout_bytes_max = limits::kOutputBytesMax,
                        .stderr_bytes_max = limits::kOutputBytesMax,
                        .flood_bytes_max = limits::kOutputBytesMax * limits::kOutputFloodFactor};

ChildSpec program(std::vector<std::string> argv) {
  return {.program = argv[0], .argv = argv, .environment = {"PATH=/usr/bin:/bin"}, .working_folder = "/"};
}

// A small dash script, removed at the end.
class Script {
 public:
  Script() : path_((std::filesystem::temp_directory_path() / "spawn-bench-XXXXXX").string()) {
    if (::mkstemp(path_.data()) < 0) std::abort();
    std::ofstream(path_) << "echo done\n";
  }
  ~Script() { std::filesystem::remove(path_); }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool spawn_bare(const ChildSpec& spec, const posix_spawn_file_actions_t& actions) {
  std::vector<char*> argv;
  std::vector<std::string> copies = spec.argv;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t pid = -1;
  int status = -1;
  return ::posix_spawn(&pid, spec.program.c_str(), &actions, nullptr, argv.data(), environment) == 0 &&
         ::waitpid(pid, &status, 0) == pid && status == 0;
}

bool run(const ChildSpec& spec) {
  const auto outcome = run_supervised(spec, {}, kLimits, -1);
  return outcome && outcome->exit.success();
}

Microseconds median(std::vector<Microseconds>& times) {
  if (times.empty()) return {};
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

void compare(benchmark::State& state, const ChildSpec& spec) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
  std::vector<Microseconds> bare;
  std::vector<Microseconds> supervised;
  while (state.KeepRunning()) {
    const auto start = steady_clock::now();
    const bool spawned = spawn_bare(spec, actions);
    const auto middle = steady_clock::now();
    const bool done = run(spec);
    const auto end = steady_clock::now();
    if (!spawned || !done) state.SkipWithError("the program failed");
    bare.emplace_back(middle - start);
    supervised.emplace_back(end - middle);
    state.SetIterationTime(std::chrono::duration<double>(end - middle).count());
  }
  ::posix_spawn_file_actions_destroy(&actions);
  const double bare_us = median(bare).count();
  const double supervised_us = median(supervised).count();
  state.counters["bare_p50_us"] = bare_us;
  state.counters["supervised_p50_us"] = supervised_us;
  state.counters["ratio"] = supervised_us / bare_us;
}

void BM_True(benchmark::State& state) { compare(state, program({"/bin/true"})); }
BENCHMARK(BM_True)->UseManualTime()->Unit(benchmark::kMicrosecond);

void BM_DashScript(benchmark::State& state) {
  const Script script;
  compare(state, program({"/bin/sh", script.path()}));
}
BENCHMARK(BM_DashScript)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
