// What a run may do: sandbox profiles, and how they are applied.
//
// none      Nothing is forbidden. Where seccomp is there, no process leaves its run's process group.
// standard  Files by Landlock, system calls by a list of what is refused (seccomp), no sockets,
//           few capabilities. Needs no privilege, so it works in a default container.
// strict    Namespaces of its own (by bubblewrap), and a list of the system calls that are allowed.
//
// docs/operations.md has the details, docs/adr/0003 the reasons.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/bubblewrap.h"
#include "os/child_process.h"
#include "os/confinement.h"
#include "os/landlock.h"

namespace skillscale {

enum class SandboxProfile : std::uint8_t { none, standard, strict };  // From weak to strong.

std::string_view name_of(SandboxProfile profile) noexcept;
std::optional<SandboxProfile> sandbox_profile_from_name(std::string_view name) noexcept;

// What this kernel and this container offer.
struct SandboxFeatures {
  bool seccomp = false;
  int landlock_abi = 0;  // 0: none.
  bool namespaces = false;
  std::string bwrap;               // Absolute path; empty: not installed.
  std::string namespaces_problem;  // Why there are none, for people.
};

// Asks the kernel, and starts one bubblewrap. Takes some milliseconds.
SandboxFeatures probe_sandbox();

struct SandboxSettings {
  std::vector<std::string> readable;  // Beside those of the system (docs/operations.md).
  std::vector<std::string> writable;
  enum class OnMissing : std::uint8_t { refuse, degrade };
  OnMissing on_missing = OnMissing::refuse;
  std::vector<int> protected_processes;  // Not to be signalled; the calling process is added.
};

struct SandboxRequest {
  SandboxProfile profile = SandboxProfile::standard;
  bool network = false;
  std::string run_folder;             // Readable and writable.
  std::vector<std::string> readable;  // The skill's folder, the interpreter's prefix. Absent ones are left out.
  ResourceLimits limits;
};

// One run's confinement. Must not outlive the Sandbox.
class Confined {
 public:
  Confined(Confined&&) noexcept;
  Confined& operator=(Confined&&) noexcept;
  ~Confined();

  // What is applied: weaker than what was asked for only where degrading is allowed.
  SandboxProfile profile() const noexcept { return profile_; }
  // For ChildSpec::confinement; valid as long as this object.
  const Confinement& confinement() const noexcept { return confinement_; }
  // strict: makes `spec` start its program through bubblewrap. Otherwise leaves it alone.
  void wrap(ChildSpec& spec) const;

 private:
  friend class Sandbox;
  Confined() = default;

  SandboxProfile profile_ = SandboxProfile::none;
  Confinement confinement_;
  std::shared_ptr<const LandlockRuleset> ruleset_;
  std::array<Fd, 2> filters_;             // For bubblewrap to read.
  std::optional<Bubblewrap> bubblewrap_;  // Only under strict.
};

// Immutable; thread-safe.
class Sandbox {
 public:
  // Makes the filters and opens the paths of the system. Error invalid_config when a path of
  // the settings cannot be opened. Call it in the daemon itself, whose process id it protects.
  static Result<Sandbox> create(SandboxSettings settings, SandboxFeatures features);

  Sandbox(Sandbox&&) noexcept;
  Sandbox& operator=(Sandbox&&) noexcept;
  ~Sandbox();

  // Error not_allowed: the kernel lacks what the profile needs and degrading is not allowed.
  Result<Confined> confine(const SandboxRequest& request) const;
  // Makes ahead what the next run needs, where that is worth it. For the time in which a
  // program that was just started gets going.
  void prepare_next() const;
  // What a profile needs and is not there, e.g. "landlock"; empty: it can be had in full.
  std::vector<std::string> missing(SandboxProfile profile) const;
  const SandboxFeatures& features() const noexcept;

 private:
  struct State;
  explicit Sandbox(std::unique_ptr<const State> state);
  Result<void> confine_by_landlock(const SandboxRequest& request, Confined& confined) const;
  Result<void> confine_by_namespaces(const SandboxRequest& request, Confined& confined) const;

  std::unique_ptr<const State> state_;
};

}  // namespace skillscale
