// What a program does to itself between clone and exec, so that it can do less.
#pragma once

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
};

}  // namespace skillscale
