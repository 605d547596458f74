// What a program does to itself between clone and exec, so that it can do less.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

struct sock_fprog;  // <linux/filter.h>

namespace skillscale {

// setrlimit(2); nothing: as the daemon has it. Cores are never written.
struct ResourceLimits {
  std::optional<std::uint64_t> memory_bytes;  // RLIMIT_DATA: private writable memory of each process.
  std::optional<std::chrono::seconds> cpu;    // RLIMIT_CPU of each process; SIGXCPU, then SIGKILL 1 s later.
  std::optional<std::uint64_t> file_bytes;    // RLIMIT_FSIZE: the largest file.
  std::optional<std::uint64_t> open_files;    // RLIMIT_NOFILE.
};

// Prepared by the parent (os/sandbox.h), applied in the child in the order of the
// members. Borrowed descriptors and pointers outlive the call that starts the program.
struct Confinement {
  ResourceLimits limits;
  bool drop_capabilities = false;       // All but those that a root user's files need.
  bool no_new_privileges = false;       // Needed by the two below.
  int landlock_ruleset = -1;            // landlock(7); -1: none.
  const sock_fprog* seccomp = nullptr;  // seccomp(2) filter; nullptr: none. Last, because it forbids the others.
  // The program is bubblewrap, which starts the run's own one inside. It ignores SIGTERM, because its end
  // would end all inside without grace, and tells the signal that ended it by exit status 128 + signal.
  bool wraps_program = false;
  std::array<int, 2> kept_descriptors{-1, -1};  // What it reads; 5 or higher, passed on under their own numbers.
};

}  // namespace skillscale
