// How long a hostile tree of processes lives after its run was told to end.
//
//   kill_bench [ROUNDS]
//
// Two trees, on every rung of the ladder that this machine has: a daemon that has done
// all it could to get away, and forty processes each of which is a new one all the time.
// All of a tree inherits the writing end of a named pipe: its end of file is the death
// of the last one. Prints the time from the kill to there, and to the leader's reaping.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "os/child_process.h"
#include "os/fd.h"
#include "os/kill_strategy.h"
#include "os/run_cgroup.h"
#include "os/run_leash.h"
#include "os/seccomp_filter.h"

namespace {

using namespace skillscale;
using std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

struct Tree {
  const char* name;
  std::vector<std::string> arguments;  // Of the puppet, after the named pipe.
  const char* action;
  int marks;  // So many bytes come once all of it is alive.
};

// What holds the processes together on one rung.
class Rung {
 public:
  Rung(KillStrategy strategy, const KillFeatures& features)
      : shim_(features.shim), filter_(features.seccomp ? make_pinned_filter() : Result<SeccompFilter>(Error{})) {
    leash_.strategy = strategy;
    if (strategy == KillStrategy::shim) leash_.shim = &shim_;
    if (strategy == KillStrategy::pinned) {
      pin_ = {.limits = {}, .no_new_privileges = true, .seccomp = filter_->program()};
      leash_.pin = &pin_;
    }
    if (strategy == KillStrategy::cgroup) {
      auto leaf = RunCgroup::create(features.cgroup_folder, "bench");
      SK_CHECK(leaf);
      leaf_ = *std::move(leaf);
      leash_.cgroup = leaf_.get();
    }
  }
  const RunLeash& leash() const { return leash_; }

 private:
  const std::string shim_;
  const Result<SeccompFilter> filter_;
  Confinement pin_;
  std::unique_ptr<RunCgroup> leaf_;
  RunLeash leash_;
};

// A named pipe, removed at the end.
class Marker {
 public:
  Marker() : folder_((std::filesystem::temp_directory_path() / "kill-bench-XXXXXX").string()) {
    SK_CHECK(::mkdtemp(folder_.data()) != nullptr && ::mkfifo(path().c_str(), 0600) == 0);
    end_ = Fd(::open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    SK_CHECK(end_);
  }
  ~Marker() { std::filesystem::remove_all(folder_); }
  Marker(const Marker&) = delete;
  Marker& operator=(const Marker&) = delete;

  std::string path() const { return folder_ + "/marker"; }
  // A byte, or the end of file: nothing.
  std::optional<char> read() const {
    char byte = 0;
    for (;;) {
      pollfd wait{end_.get(), POLLIN, 0};
      SK_CHECK(::poll(&wait, 1, 20'000) == 1);
      const ssize_t got = ::read(end_.get(), &byte, 1);
      if (got == 1) return byte;
      if (got == 0) return std::nullopt;
    }
  }

 private:
  std::string folder_;
  Fd end_;
};

struct Times {
  std::vector<double> death;
  std::vector<double> reaped;
};

void kill_once(const Tree& tree, const Rung& rung, Times& times) {
  const Marker marker;
  ChildSpec spec{.program = SKILLSCALE_PUPPET,
                 .argv = {"puppet", tree.action, marker.path()},
                 .environment = {},
                 .working_folder = "/"};
  spec.argv.insert(spec.argv.end(), tree.arguments.begin(), tree.arguments.end());
  spec.leash = &rung.leash();
  auto child = ChildProcess::launch(spec);
  SK_CHECK(child);
  for (int mark = 0; mark < tree.marks; ++mark) SK_CHECK(marker.read());
  const auto begin = steady_clock::now();
  (*child)->signal_tree(SIGKILL);
  SK_CHECK(!marker.read());
  times.death.push_back(Milliseconds(steady_clock::now() - begin).count());
  while (!(*child)->try_reap()) {
    pollfd wait{(*child)->exit_fd(), POLLIN, 0};
    ::poll(&wait, 1, -1);
  }
  times.reaped.push_back(Milliseconds(steady_clock::now() - begin).count());
}

void print(const char* what, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  std::printf("    %-24s %8.2f %8.2f %8.2f\n", what, times.front(), times[times.size() / 2], times.back());
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, static_cast<int>(std::strtol(argv[1], nullptr, 10))) : 30;
  KillFeatures features = probe_kill_features();
  features.shim = SKILLSCALE_RUN_SHIM;
  const std::vector<Tree> trees = {{"a daemon that got away", {}, "escape", 1},
                                   {"40 processes that fork again and again", {"40"}, "run-away", 40}};
  std::printf("ms after the kill                 min   median      max\n");
  for (const KillStrategy strategy : {KillStrategy::cgroup, KillStrategy::pinned, KillStrategy::shim}) {
    if (!choose_kill_strategy(strategy, features)) {
      std::printf("%s: this machine has it not\n", std::string(name_of(strategy)).c_str());
      continue;
    }
    const Rung rung(strategy, features);
    for (const Tree& tree : trees) {
      Times times;
      for (int round = 0; round < rounds; ++round) kill_once(tree, rung, times);
      std::printf("%s, %s\n", std::string(name_of(strategy)).c_str(), tree.name);
      print("the last one is dead", times.death);
      print("the run is reaped", times.reaped);
    }
  }
  if (!features.cgroup_folder.empty()) remove_cgroups(features.cgroup_folder);
  return 0;
}
