// One rung of the kill ladder, as a worker of a server would hold its runs with it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "os/child_process.h"
#include "os/run_cgroup.h"
#include "os/run_leash.h"
#include "os/seccomp_filter.h"

namespace skillscale::testing {

// Everything that one rung needs.
class Rung {
 public:
  explicit Rung(KillStrategy strategy) : filter_(make_pinned_filter()) {
    leash_.strategy = strategy;
    if (strategy == KillStrategy::cgroup) {
      auto folder = make_cgroup_folder();
      if (!folder) {
        missing_ = folder.error().detail;
        return;
      }
      folder_ = *folder;
      auto leaf = RunCgroup::create(folder_, "run");
      EXPECT_TRUE(leaf) << leaf.error();
      leaf_ = *std::move(leaf);
      leash_.cgroup = leaf_.get();
    } else if (strategy == KillStrategy::shim) {
      leash_.shim = &shim_;
    } else if (!filter_) {
      missing_ = filter_.error().detail;
    } else {
      confinement_ = {.limits = {}, .no_new_privileges = true, .seccomp = filter_->program()};
    }
  }
  ~Rung() {
    leaf_.reset();
    if (!folder_.empty()) {
      EXPECT_TRUE(remove_cgroups(folder_));
    }
  }
  Rung(const Rung&) = delete;
  Rung& operator=(const Rung&) = delete;

  const std::string& missing() const { return missing_; }
  const std::string& folder() const { return folder_; }
  RunLeash& leash() { return leash_; }
  ChildSpec confine(ChildSpec spec) const {
    spec.leash = &leash_;
    if (leash_.strategy == KillStrategy::pinned) spec.confinement = &confinement_;
    return spec;
  }

 private:
  Result<SeccompFilter> filter_;
  RunLeash leash_;
  Confinement confinement_;
  std::string folder_;
  std::string missing_;
  const std::string shim_ = SKILLSCALE_RUN_SHIM;
  std::unique_ptr<RunCgroup> leaf_;
};

}  // namespace skillscale::testing
