// Which sandbox a run gets: what the skill asks for, within what the operator allows.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/sandbox.h"
#include "skills/skill.h"

namespace skillscale {

// The operator's part; made from the settings of the server.
struct SandboxRules {
  SandboxProfile profile = SandboxProfile::standard;  // Of skills that ask for nothing.
  SandboxProfile weakest = SandboxProfile::standard;  // The weakest that a skill may ask for.
  bool allow_network = false;                         // For the skills that ask for it.

  // Error invalid_config for an unknown name, or when the weakest is stronger than the profile.
  static Result<SandboxRules> from_names(const std::string& profile, const std::string& weakest, bool allow_network);
};

struct EffectiveSandbox {
  SandboxProfile profile = SandboxProfile::standard;
  bool network = false;
  std::string warning;  // What the skill asked for and does not get, or empty.

  bool operator==(const EffectiveSandbox&) const = default;
};

// A skill may tighten freely. Error not_allowed when it asks for less than the weakest.
Result<EffectiveSandbox> effective_profile(const Skill& skill, const SandboxRules& rules);

// What a program needs to be read beside the system's own folders: itself, and the
// prefix of an interpreter that was installed elsewhere (a virtual environment,
// /opt/python). A folder that is no such prefix is not opened up for one file in it.
std::vector<std::string> paths_of_program(const std::string& program);

// Confines the runs of a server. Immutable; thread-safe.
class SandboxPolicy {
 public:
  // Probes the machine. Errors: invalid_config (a path of the settings); not_allowed when the profile of the
  // rules cannot be had here and degrading is not allowed.
  static Result<SandboxPolicy> create(const SandboxRules& rules, const SandboxSettings& settings);
  SandboxPolicy(SandboxRules rules, Sandbox sandbox) : rules_(rules), sandbox_(std::move(sandbox)) {}

  struct ConfinedRun {
    Confined confined;
    std::vector<std::string> warnings;  // For the reply.

    // Makes `spec` start its program confined. This object must outlive the start.
    void apply_to(ChildSpec& spec) const {
      spec.confinement = &confined.confinement();
      confined.wrap(spec);
    }
  };
  // `program` is what will be started, `readable` is needed beside it and the skill's folder. Error
  // not_allowed says what the skill asks for and who does not allow it, or what the kernel lacks.
  Result<ConfinedRun> confine(const Skill& skill, const std::string& program, const std::string& run_folder,
                              const ResourceLimits& limits, const std::vector<std::string>& readable = {}) const;

  const SandboxRules& rules() const noexcept { return rules_; }
  const Sandbox& sandbox() const noexcept { return sandbox_; }

 private:
  SandboxRules rules_;
  Sandbox sandbox_;
};

}  // namespace skillscale
