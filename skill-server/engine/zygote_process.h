// One zygote: a Python interpreter that forks for each run (skill-server/engine/python/skillscale_zygote.py).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "os/fd.h"
#include "os/running_process.h"

namespace skillscale {

// The server's side of a zygote's socket. Everything is asked and answered in
// turn, with a bound on each wait; after the first wrong or late answer the zygote
// is broken and only good for being dropped. Dropping it kills it, and with it the
// run that it may have (parent-death signals).
//
// Stays on the thread that started it: the zygote dies with that thread.
class ZygoteProcess {
 public:
  // Returns once the modules are imported. Error spawn_failed, with the last words
  // of the interpreter.
  static Result<std::unique_ptr<ZygoteProcess>> start(const std::string& python,
                                                      const std::vector<std::string>& preload);

  ZygoteProcess(const ZygoteProcess&) = delete;
  ZygoteProcess& operator=(const ZygoteProcess&) = delete;
  ~ZygoteProcess();

  // A descriptor for the forked child, by the letter that the Python side knows it by.
  using Passed = std::vector<std::pair<char, int>>;
  Result<int> fork(const Passed& descriptors);          // The child's pid, which stays reserved until reap().
  void sweep(int leader) noexcept;                      // Kills what has come loose from the tree of that run.
  std::optional<ProcessEnd> reap(int leader) noexcept;  // Only after its exit. Nothing: the zygote is broken.

  int pid() const noexcept { return pid_; }
  bool broken() const noexcept { return broken_; }
  const std::string& missing_modules() const noexcept { return missing_modules_; }
  std::uint64_t rss_bytes() const noexcept;  // 0 when it cannot be read.

 private:
  ZygoteProcess(int pid, Fd pidfd, Fd control);
  Result<std::string> ask(const std::string& message, const Passed& descriptors);
  Result<std::string> receive(std::chrono::milliseconds time);
  Result<void> send(const std::string& message, const Passed& descriptors);

  const int pid_;
  Fd pidfd_;
  Fd control_;
  bool broken_ = false;
  std::string missing_modules_;
};

}  // namespace skillscale
