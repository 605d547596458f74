// What a Python skill costs on each runner: a fresh interpreter, a fork of a waiting one, a call.
//
//   runner_bench [ROUNDS] [CALLS PER ROUND]
//
// The handler imports json, re, hashlib and datetime and does next to nothing with
// them. First the processes alone, then whole runs of the executor from intent to reply, in the
// standard sandbox. All alternate in every round, so that they see the same machine.
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
#include "engine/executor.h"
#include "engine/python_sources.h"
#include "engine/warm_runners.h"
#include "os/supervised_run.h"
#include "skills/python_command.h"

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
  const std::string& folder() const { return folder_.path(); }
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

// A function skill, run by the executor on each of the runners.
class Engine {
 public:
  explicit Engine(const std::string& folder) : policy_(make_policy()) {
    ExecutorSettings settings;
    settings.run_folders = folder;
    settings.sandbox = &policy_;
    executor_.emplace(std::move(settings));
    for (const Runner runner : {Runner::cold, Runner::zygote, Runner::worker}) {
      Skill skill;
      skill.name = "handler";
      skill.folder = folder;
      skill.digest = "sha256:0";
      skill.adapter = Adapter::function;
      skill.runner = runner;
      skill.function = FunctionEntry{.dialect = FunctionEntry::Dialect::open_skills,
                                     .file = folder + "/handler.py",
                                     .module = {},
                                     .function = "run",
                                     .python = kPython};
      Intent intent;
      intent.address = {"r1", "AGENT_REPLY_1"};
      intent.input_json = kInput;
      works_.push_back(
          {.intent = std::move(intent), .topic = "TOPIC_A", .skill = std::make_shared<const Skill>(std::move(skill))});
    }
  }
  void run(Runner runner) {
    const auto index = static_cast<std::size_t>(runner);
    const std::uint64_t before = counters_.runs[index];
    const Reply reply = executor_->execute(works_[index], limits::kRunTimeoutDefault, -1, {.warm = &warm_});
    if (!reply.success) give_up(reply.error);
    if (counters_.runs[index] != before + 1) give_up("the run had another runner");
  }

 private:
  static SandboxPolicy make_policy() {
    auto policy = SandboxPolicy::create({}, {});
    if (!policy) give_up(policy.error().detail);
    return *std::move(policy);
  }

  const SandboxPolicy policy_;
  std::optional<Executor> executor_;
  std::vector<RunWork> works_;  // By Runner.
  const SystemClock clock_;
  const WarmSettings settings_{.allow_worker = true};
  WarmCounters counters_;
  WarmRunners warm_{settings_, clock_, counters_};
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

struct Times {
  std::vector<double> cold, zygote, worker;

  void print(const char* title) {
    const double reference = percentile(cold, 0.5);
    std::printf("%s\n%-8s %10s %10s %14s\n", title, "runner", "p50 ms", "p99 ms", "cold p50 / p50");
    for (auto& [name, times] :
         {std::pair<const char*, std::vector<double>&>{"cold", cold}, {"zygote", zygote}, {"worker", worker}}) {
      const double p50 = percentile(times, 0.5);
      std::printf("%-8s %10.3f %10.3f %14.1f\n", name, p50, percentile(times, 0.99), reference / p50);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, static_cast<int>(std::strtol(argv[1], nullptr, 10))) : 50;
  const int calls = argc > 2 ? std::max(1, static_cast<int>(std::strtol(argv[2], nullptr, 10))) : 10;
  Bench bench;
  Engine engine(bench.folder());
  bench.cold();  // Fills the caches of the kernel, and starts what waits.
  bench.zygote();
  bench.call();
  for (const Runner runner : {Runner::cold, Runner::zygote, Runner::worker}) engine.run(runner);
  Times alone, whole;
  for (int round = 0; round < rounds; ++round) {
    measure(alone.cold, 1, [&] { bench.cold(); });
    measure(whole.cold, 1, [&] { engine.run(Runner::cold); });
    measure(alone.zygote, calls, [&] { bench.zygote(); });
    measure(whole.zygote, calls, [&] { engine.run(Runner::zygote); });
    measure(alone.worker, calls * 10, [&] { bench.call(); });
    measure(whole.worker, calls * 10, [&] { engine.run(Runner::worker); });
  }
  alone.print("processes alone");
  whole.print("\nwhole runs, standard sandbox");
  return 0;
}
