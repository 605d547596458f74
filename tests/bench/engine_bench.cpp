// What a run through the execution engine costs, beside the bare spawn of the same
// program: clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD), two pipes read to their end,
// waitid. All cases alternate within one process, so that a change in the machine's
// speed meets all of them. Prints one table per question, with ratios.
//
//   engine_bench [rounds] [runs for the memory figures]
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "daemon/logging.h"
#include "engine/executor.h"
#include "engine/sandbox_policy.h"
#include "os/fd.h"
#include "os/sandbox.h"
#include "os/supervised_run.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::size_t kThreads = 2;
constexpr std::size_t kStackBytes = 64 * 1024;

// --- The reference ----------------------------------------------------------

struct BareChild {
  const char* program;
  char* const* argv;
  char* const* environment;
  int out;
  int err;
};

int become(void* argument) {
  const auto* child = static_cast<const BareChild*>(argument);
  ::dup2(child->out, STDOUT_FILENO);
  ::dup2(child->err, STDERR_FILENO);
  ::execve(child->program, child->argv, child->environment);
  ::_exit(127);
}

void read_to_end(int fd) {
  std::array<char, 4096> buffer;
  while (::read(fd, buffer.data(), buffer.size()) > 0) {
  }
}

// The least that gives a result: no session, no limits, no folder, no deadline.
void run_bare(const std::string& program) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  SK_CHECK(::pipe2(out.data(), O_CLOEXEC) == 0 && ::pipe2(err.data(), O_CLOEXEC) == 0);
  const Fd out_end(out[0]);
  const Fd err_end(err[0]);
  std::array<char*, 2> argv = {const_cast<char*>(program.c_str()), nullptr};
  std::array<char*, 1> environment = {nullptr};
  BareChild child{program.c_str(), argv.data(), environment.data(), out[1], err[1]};
  alignas(16) std::array<std::byte, kStackBytes> stack;
  int pidfd = -1;
  const int pid =
      ::clone(become, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &child, &pidfd);
  SK_CHECK(pid > 0);
  const Fd process(pidfd);
  ::close(out[1]);
  ::close(err[1]);
  read_to_end(out_end.get());
  read_to_end(err_end.get());
  siginfo_t info{};
  SK_CHECK(::waitid(P_PIDFD, static_cast<id_t>(process.get()), &info, WEXITED) == 0 && info.si_status == 0);
}

// --- The engine ---------------------------------------------------------------

// A skill of one program, in a folder that is removed at the end.
class Bench {
 public:
  Bench() : folder_((fs::temp_directory_path() / "skillscale-bench-XXXXXX").string()) {
    SK_CHECK(::mkdtemp(folder_.data()) != nullptr);
    fs::create_directories(fs::path(folder_) / "skill" / "scripts");
    fs::create_directories(fs::path(folder_) / "runs");
    std::ofstream(fs::path(folder_) / "skill" / "SKILL.md") << "---\nname: skill\ndescription: Does nothing.\n---\n";
  }
  ~Bench() { fs::remove_all(folder_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  RunWork work(const std::string& program, std::vector<std::string> arguments = {}) const {
    auto skill = std::make_shared<Skill>();
    skill->name = "skill";
    skill->folder = fs::path(folder_) / "skill";
    skill->adapter = Adapter::intent;
    arguments.insert(arguments.begin(), program);
    skill->run = Runnable{program, std::move(arguments)};
    RunWork work;
    work.topic = "TOPIC_BENCH";
    work.intent.address.request_id = "r";
    work.intent.body = "hello";
    work.skill = std::move(skill);
    return work;
  }
  std::string run_folders() const { return (fs::path(folder_) / "runs").string(); }
  ExecutorSettings settings(const SandboxPolicy* sandbox = nullptr) const {
    ExecutorSettings settings;
    settings.run_folders = run_folders();
    settings.sandbox = sandbox;
    return settings;
  }

 private:
  std::string folder_;
};

void check(const Reply& reply) {
  if (reply.success) return;
  std::fprintf(stderr, "a run failed: %s %s\n", reply.code.c_str(), reply.error.c_str());
  std::abort();
}

// --- Figures --------------------------------------------------------------------

struct Case {
  std::string name;
  std::function<void()> once;
  // What a worker has to do after the reply before its next run; not part of the latency.
  std::function<void()> afterwards = [] {};
  std::vector<double> milliseconds = {};
  std::vector<double> per_second = {};
};

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

// One at a time, the cases in turn.
void measure_latency(std::vector<Case>& cases, std::size_t rounds) {
  for (std::size_t round = 0; round < rounds + rounds / 10; ++round) {
    for (Case& one : cases) {
      const auto begin = Clock::now();
      one.once();
      const double taken = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
      one.afterwards();
      if (round >= rounds / 10) one.milliseconds.push_back(taken);  // The first ones warm up.
    }
  }
}

// `kThreads` at a time, each thread one after another, the cases in turn.
void measure_throughput(std::vector<Case>& cases, const std::function<std::vector<Case>()>& per_thread,
                        std::size_t rounds) {
  constexpr std::size_t kTurns = 7;
  std::vector<std::vector<Case>> copies;
  for (std::size_t thread = 0; thread < kThreads; ++thread) copies.push_back(per_thread());
  for (std::size_t turn = 0; turn < kTurns; ++turn) {
    for (std::size_t which = 0; which < cases.size(); ++which) {
      std::atomic<std::size_t> left = rounds;
      const auto begin = Clock::now();
      std::vector<std::thread> threads;
      for (std::size_t thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
          Case& mine = copies[thread][which];
          for (std::size_t before = left--; before > 0 && before <= rounds; before = left--) {
            mine.once();
            mine.afterwards();
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      cases[which].per_second.push_back(static_cast<double>(rounds) / seconds);
    }
  }
}

void print_latency(const std::vector<Case>& cases) {
  std::printf("One outstanding, ms                   p50      p99   p50 over bare   ratio\n");
  const double bare = quantile(cases.front().milliseconds, 0.5);
  for (const Case& one : cases) {
    const double p50 = quantile(one.milliseconds, 0.5);
    std::printf("  %-30s %8.3f %8.3f        %+8.3f %7.2f\n", one.name.c_str(), p50, quantile(one.milliseconds, 0.99),
                p50 - bare, p50 / bare);
  }
}

void print_throughput(const std::vector<Case>& cases) {
  std::printf("%zu workers                            runs/s   of bare\n", kThreads);
  const double bare = quantile(cases.front().per_second, 0.5);
  for (const Case& one : cases) {
    const double median = quantile(one.per_second, 0.5);
    std::printf("  %-30s %8.0f %9.2f\n", one.name.c_str(), median, median / bare);
  }
}

// --- Cases ------------------------------------------------------------------------

RunLimits limits_of_a_run() {
  return RunLimits{.timeout = limits::kRunTimeoutDefault,
                   .kill_grace = limits::kKillGrace,
                   .drain_grace = limits::kPipeDrainGrace,
                   .stdout_bytes_max = limits::kOutputBytesMax,
                   .stderr_bytes_max = limits::kOutputBytesMax,
                   .flood_bytes_max = limits::kOutputBytesMax * limits::kOutputFloodFactor};
}

Case bare_case(const std::string& program) {
  return {"bare spawn", [program] { run_bare(program); }};
}

Case supervised_case(const std::string& program) {
  const ChildSpec spec{
      .program = program, .argv = {program}, .environment = {"PATH=/usr/bin:/bin"}, .working_folder = "/"};
  return {"run_supervised", [spec] {
            const auto outcome = run_supervised(spec, {}, limits_of_a_run(), -1);
            SK_CHECK(outcome && outcome->exit.success());
          }};
}

// Runs the program with a confinement that is made for this run, as the executor does. Empty, or what went wrong.
std::string run_confined(ChildSpec spec, SandboxProfile profile, const Sandbox& sandbox) {
  SandboxRequest request;
  request.profile = profile;
  request.run_folder = spec.working_folder;
  const auto confined = sandbox.confine(request);
  if (!confined) return confined.error().detail;
  spec.confinement = &confined->confinement();
  confined->wrap(spec);
  const auto outcome = run_supervised(spec, {}, limits_of_a_run(), -1);
  if (!outcome) return outcome.error().detail;
  return outcome->exit.success() ? "" : "the program failed: " + outcome->stderr_tail;
}

ChildSpec confined_spec(const Bench& bench, const std::string& program) {
  ChildSpec spec;
  spec.program = program;
  spec.argv = {program};
  spec.environment = {"PATH=/usr/bin:/bin"};
  spec.working_folder = bench.run_folders();
  return spec;
}

Case confined_case(const Bench& bench, const std::string& program, SandboxProfile profile,
                   std::shared_ptr<const Sandbox> sandbox) {
  return {"  sandbox " + std::string(name_of(profile)),
          [spec = confined_spec(bench, program), profile, sandbox = std::move(sandbox)] {
            SK_CHECK(run_confined(spec, profile, *sandbox).empty());
          }};
}

Case executor_case(std::string name, std::shared_ptr<const Executor> executor, RunWork work) {
  const auto used = std::make_shared<std::optional<RunFolder>>();
  return {std::move(name),
          [executor, work = std::move(work), used] {
            RunLeash leash;
            leash.strategy = KillStrategy::pinned;
            RunContext context;
            context.leash = &leash;
            context.used = used.get();
            check(executor->execute(work, limits::kRunTimeoutDefault, -1, context));
          },
          [used] { used->reset(); }};
}

// The profiles that work on this machine.
std::vector<SandboxProfile> profiles_of(const Bench& bench, const std::string& program, const Sandbox& sandbox) {
  std::vector<SandboxProfile> profiles;
  for (const SandboxProfile profile : {SandboxProfile::none, SandboxProfile::standard, SandboxProfile::strict}) {
    const std::string problem = run_confined(confined_spec(bench, program), profile, sandbox);
    if (problem.empty()) {
      profiles.push_back(profile);
    } else {
      std::printf("left out: sandbox %s: %s\n", std::string(name_of(profile)).c_str(), problem.c_str());
    }
  }
  return profiles;
}

std::vector<Case> cases_of(const Bench& bench, const std::string& program,
                           const std::shared_ptr<const Sandbox>& sandbox, const std::vector<SandboxProfile>& profiles,
                           const SandboxPolicy* policy) {
  std::vector<Case> cases;
  cases.push_back(bare_case(program));
  cases.push_back(supervised_case(program));
  for (const SandboxProfile profile : profiles) cases.push_back(confined_case(bench, program, profile, sandbox));
  cases.push_back(executor_case("executor", std::make_shared<Executor>(bench.settings()), bench.work(program)));
  if (policy != nullptr) {
    cases.push_back(
        executor_case("  sandbox standard", std::make_shared<Executor>(bench.settings(policy)), bench.work(program)));
  }
  return cases;
}

void compare(const Bench& bench, const std::string& program, std::size_t rounds) {
  auto made = Sandbox::create({}, probe_sandbox());
  SK_CHECK(made);
  const auto sandbox = std::make_shared<const Sandbox>(*std::move(made));
  const std::vector<SandboxProfile> profiles = profiles_of(bench, program, *sandbox);
  const auto policy = SandboxPolicy::create({}, {});  // What a server has; an error where standard is not to be had.
  const SandboxPolicy* const usable = policy ? &*policy : nullptr;
  std::printf("\n%s\n", program.c_str());
  std::vector<Case> cases = cases_of(bench, program, sandbox, profiles, usable);
  measure_latency(cases, rounds);
  measure_throughput(
      cases, [&] { return cases_of(bench, program, sandbox, profiles, usable); }, rounds);
  print_latency(cases);
  print_throughput(cases);
}

// --- Memory -----------------------------------------------------------------------

long rss_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtol(line.c_str() + 6, nullptr, 10);
  }
  return -1;
}

void show_memory(const Bench& bench, const std::string& program, std::size_t runs) {
  const std::size_t early = runs / 10;
  std::vector<Case> cases;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    cases.push_back(executor_case("executor", std::make_shared<Executor>(bench.settings()), bench.work(program)));
  }
  const auto run = [&](std::size_t count) {
    std::vector<std::thread> threads;
    for (Case& one : cases) {
      threads.emplace_back([&one, count] {
        for (std::size_t left = count / kThreads; left > 0; --left) {
          one.once();
          one.afterwards();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return rss_kb();
  };
  const long before = run(early);
  const long after = run(runs - early);
  std::printf("\nMemory of this process: %ld kB after %zu runs, %ld kB after %zu (%+.1f bytes per run)\n", before,
              early, after, runs, static_cast<double>(after - before) * 1024 / static_cast<double>(runs - early));
}

int run(std::size_t rounds, std::size_t runs) {
  log::start("engine_bench", log::Level::warn, log::Format::text);
  const Bench bench;
  compare(bench, "/bin/true", rounds);
  show_memory(bench, "/bin/true", runs);
  return 0;
}

}  // namespace
}  // namespace skillscale

int main(int argc, char** argv) {
  const auto number = [&](int index, std::size_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
  };
  return skillscale::run(number(1, 1000), number(2, 20000));
}
