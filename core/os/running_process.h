// A started program, whoever is its parent.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "os/fd.h"
#include "os/tree_usage.h"

namespace skillscale {

// How a process ended (waitid(2)). Exactly one of the two is set.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;

  bool success() const noexcept { return code == 0; }
};

// What a process and the descendants that it waited for have used (getrusage(2)).
struct ProcessUsage {
  std::chrono::microseconds cpu{0};  // User and system together.
  std::uint64_t max_rss_bytes = 0;   // Of the largest process, not a sum.
};

struct ProcessEnd {
  ExitStatus exit;
  ProcessUsage usage;
  bool out_of_memory = false;  // The kernel killed something of the tree for its control group's limit.
};

// Our ends of a program's pipes; non-blocking, close-on-exec; empty: there is none.
struct ProcessPipes {
  Fd in;      // Its descriptor 0.
  Fd out;     // Its descriptor 1.
  Fd err;     // Its descriptor 2.
  Fd events;  // Its descriptor 3 (kEventsFd): lines of JSON, docs/protocol.md.
  Fd result;  // Its descriptor 4 (kResultFd): what a function returned.
};

inline constexpr int kEventsFd = 3;
inline constexpr int kResultFd = 4;

// Dropping it kills the whole tree of processes with SIGKILL and reaps. Stays on
// the thread that started it.
class RunningProcess {
 public:
  RunningProcess() = default;
  RunningProcess(const RunningProcess&) = delete;
  RunningProcess& operator=(const RunningProcess&) = delete;
  virtual ~RunningProcess() = default;

  virtual int pid() const noexcept = 0;
  virtual int exit_fd() const noexcept = 0;           // Readable once it has exited.
  virtual ProcessPipes& pipes() noexcept = 0;         // May be taken or closed one by one.
  virtual void signal_tree(int signal) noexcept = 0;  // The process and all that came of it. Nothing once reaped.
  // Kills what is left of the tree, then reaps: in this order no id can have been
  // used again. Nothing while the process runs. Never blocks for long.
  virtual std::optional<ProcessEnd> try_reap() noexcept = 0;
  // Of the whole tree now; until it is reaped.
  TreeUsage usage_now() const { return tree_usage(pid()); }
};

}  // namespace skillscale
