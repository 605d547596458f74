// A control group (cgroups(7), version 2) that holds one run, so that it can be killed as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace skillscale {

// Makes the folder of this daemon's control groups, below the group that it is in
// itself, and tries on a process whether everything there may be used. Forks: call
// it before the first thread. Error io_error says what is missing.
Result<std::string> make_cgroup_folder();

// Kills all that is in the folder and removes it. False: something is still dying.
bool remove_cgroups(const std::string& folder) noexcept;

// Where version 2 is mounted and which group a process is in, from the texts of
// /proc/self/mountinfo and /proc/self/cgroup; nothing when it is not there.
std::optional<std::string> find_own_cgroup(const std::string& mountinfo, const std::string& cgroup);

// The value of `key` in a file of lines "key value"; 0 when there is none.
std::uint64_t flat_keyed_value(const std::string& text, std::string_view key) noexcept;

// One leaf, made once per worker and used by one run after the other.
class RunCgroup {
 public:
  static Result<std::unique_ptr<RunCgroup>> create(const std::string& folder, const std::string& name);

  // Another one beside it, for what does not end with the run. Error io_error.
  Result<std::unique_ptr<RunCgroup>> create_beside(const std::string& suffix) const;

  ~RunCgroup();  // Kills and removes.
  RunCgroup(const RunCgroup&) = delete;
  RunCgroup& operator=(const RunCgroup&) = delete;

  int procs_fd() const noexcept { return procs_.get(); }  // A process that writes "0" joins.
  void kill() noexcept;                                   // All of it, at once and for good.
  // Waits at most kCgroupEmptyWaitMax. False: something hangs in the kernel.
  bool wait_until_empty() noexcept;
  std::uint64_t out_of_memory_kills() const noexcept;  // Since it was made.

 private:
  RunCgroup(std::string path, Fd procs, Fd kill, Fd events)
      : path_(std::move(path)), procs_(std::move(procs)), kill_(std::move(kill)), events_(std::move(events)) {}

  const std::string path_;
  const Fd procs_;
  const Fd kill_;
  const Fd events_;
};

}  // namespace skillscale
