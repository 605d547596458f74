// What a Python skill costs on each runner: a fresh interpreter, a fork of a waiting one, a call.
//
//   runner_bench [ROUNDS] [CALLS PER ROUND]
//
// The handler imports json, re, hashlib and datetime and does next to nothing with
// them. The three alternate in every round, so that all see the same machine.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/limits.h"
#include "os/supervised_run.h"
#include "skill-server/python_command.h"
#include "skill-server/python_sources.h"
#include "skill-server/warm_runners.h"

namespace {

using namespace skillscale;
using Milliseconds = std::chrono::duration<double, std::milli>;
using std::chrono::steady_clock;

constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kHandler = R"(
import datetime, hashlib, json, re
def run(input):
    words = re.findall(r"\w+", input["text"])
    return {"words": len(words), "sha256": hashlib.sha256(input["text"].encode()).hexdigest(),
            "year": datetime.date(2026, 1, 1).year}
)";
constexpr const char* kScript = R"(
import sys
from handler import json, run
print(json.dumps(run(json.load(sys.stdin))))
)";
constexpr const char* kInput = R"({"text": "the quick brown fox jumps over the lazy dog"})";

RunLimits run_limits() {
  RunLimits limits{.timeout = limits::kRunTimeoutDefault,
                   .kill_grace = limits::kKillGrace,
                   .drain_grace = limits::kPipeDrainGrace,
                   .stdout_bytes_max = limits::kOutputBytesMax,
                   .stderr_bytes_max = limits::kOutputBytesMax,
                   .flood_bytes_max = limits::kOutputBytesMax * limits::kOutputFloodFactor};
  limits.result_bytes_max = limits::kMiB;
  return limits;
}

// Removed at the end.
class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "runner-bench-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    write("handler.py", kHandler);
    write("script.py", kScript);
    for (const PythonSource& source : python_sources()) write(std::string(source.name), source.text);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }

 private:
  void write(const std::string& name, std::string_view text) const { std::ofstream(path_ + "/" + name) << text; }
  std::string path_;
};

ChildSpec python(const Folder& folder, const std::string& script) {
  ChildSpec spec;
  spec.program = kPython;
  spec.argv = {kPython, "-B", folder.path() + "/" + script};
  spec.environment = {"PATH=/usr/bin:/bin", kZygoteLocale};
  spec.working_folder = folder.path();
  return spec;
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "runner_bench: %s\n", why.c_str());
  std::exit(1);
}

void check(const Result<RunOutcome>& outcome) {
  if (!outcome) give_up(outcome.error().detail);
  if (outcome->end != RunOutcome::End::exited || !outcome->exit.success()) give_up(outcome->err.bytes);
}

class Bench {
 public:
  Bench() : spec_(python(folder_, "script.py")), worker_(start_worker()) {
    call_ = R"({"dialect":"open_skills","folder":")" + folder_.path() + R"(","file":")" + folder_.path() +
            R"(/handler.py","module":"","function":"run","inputs":[],"input":)" + kInput + "}";
  }
  void cold() { launch({}); }
  void zygote() { launch({.runner = Runner::zygote, .reason = "", .warning = ""}); }
  void call() { check(worker_.call(call_, limits_, -1)); }

 private:
  void launch(const RunnerChoice& choice) {
    auto launched = warm_.launch(choice, spec_);
    if (!launched) give_up(launched.error().detail);
    if (!launched->warning.empty()) give_up(launched->warning);
    check(run_supervised(std::move(launched->process), kInput, limits_, -1));
  }
  WarmWorker start_worker() {
    ChildSpec spec = python(folder_, "skillscale_worker.py");
    spec.result = true;
    auto process = ChildProcess::launch(spec);
    if (!process) give_up(process.error().detail);
    return WarmWorker(*std::move(process));
  }

  const Folder folder_;
  const RunLimits limits_ = run_limits();
  const ChildSpec spec_;
  const SystemClock clock_;
  const WarmSettings settings_;
  WarmCounters counters_;
  WarmRunners warm_{settings_, clock_, counters_};
  WarmWorker worker_;
  std::string call_;
};

template <typename Function>
void measure(std::vector<double>& times, int count, Function function) {
  for (int i = 0; i < count; ++i) {
    const auto start = steady_clock::now();
    function();
    times.push_back(Milliseconds(steady_clock::now() - start).count());
  }
}

double percentile(std::vector<double>& times, double part) {
  std::sort(times.begin(), times.end());
  return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, static_cast<int>(std::strtol(argv[1], nullptr, 10))) : 50;
  const int calls = argc > 2 ? std::max(1, static_cast<int>(std::strtol(argv[2], nullptr, 10))) : 10;
  Bench bench;
  bench.cold();  // Fills the caches of the kernel, and starts what waits.
  bench.zygote();
  bench.call();
  std::vector<double> cold, zygote, worker;
  for (int round = 0; round < rounds; ++round) {
    measure(cold, 1, [&] { bench.cold(); });
    measure(zygote, calls, [&] { bench.zygote(); });
    measure(worker, calls * 10, [&] { bench.call(); });
  }
  const double reference = percentile(cold, 0.5);
  std::printf("%-8s %10s %10s %14s\n", "runner", "p50 ms", "p99 ms", "cold p50 / p50");
  for (auto& [name, times] :
       {std::pair<const char*, std::vector<double>&>{"cold", cold}, {"zygote", zygote}, {"worker", worker}}) {
    const double p50 = percentile(times, 0.5);
    std::printf("%-8s %10.3f %10.3f %14.1f\n", name, p50, percentile(times, 0.99), reference / p50);
  }
  return 0;
}
