#include "os/sandbox.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "os/seccomp_filter.h"

namespace skillscale {
namespace {

constexpr std::array<std::string_view, 3> kProfileNames{"none", "standard", "strict"};

constexpr auto kSystemPaths = std::to_array<std::pair<const char*, PathAccess>>({
    {"/usr", PathAccess::read},
    {"/bin", PathAccess::read},
    {"/sbin", PathAccess::read},
    {"/lib", PathAccess::read},
    {"/lib32", PathAccess::read},
    {"/lib64", PathAccess::read},
    {"/etc", PathAccess::read},
    {"/proc", PathAccess::read},
    {"/sys/devices/system", PathAccess::read},  // How many processors there are.
    {"/dev/null", PathAccess::device},
    {"/dev/zero", PathAccess::device},
    {"/dev/full", PathAccess::device},
    {"/dev/random", PathAccess::device},
    {"/dev/urandom", PathAccess::device},
    {"/dev/shm", PathAccess::shared_memory},  // Where multiprocessing keeps its semaphores.
});

bool has_seccomp() noexcept {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

std::string find_bwrap() {
  for (const char* path : {"/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::string_view name_of(SandboxProfile profile) noexcept { return kProfileNames[static_cast<std::size_t>(profile)]; }

std::optional<SandboxProfile> sandbox_profile_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kProfileNames.size(); ++i) {
    if (kProfileNames[i] == name) return static_cast<SandboxProfile>(i);
  }
  return std::nullopt;
}

SandboxFeatures probe_sandbox() {
  SandboxFeatures features;
  features.seccomp = has_seccomp();
  features.landlock_abi = landlock_abi();
  features.bwrap = find_bwrap();
  features.namespaces_problem = features.bwrap.empty() ? "bubblewrap is not installed" : "not probed";
  return features;
}

struct Sandbox::State {
  SandboxSettings settings;
  SandboxFeatures features;
  std::vector<LandlockPath> paths;
  std::optional<SeccompFilter> pinned;
  std::optional<SeccompFilter> standard;
  std::optional<SeccompFilter> standard_with_network;

  Result<void> make_filters();
  Result<void> open_paths();
  Result<LandlockRuleset> make_ruleset(const SandboxRequest& request) const;
};

Result<void> Sandbox::State::make_filters() {
  if (!features.seccomp) return {};
  auto made = make_pinned_filter();
  if (!made) return std::move(made).error();
  pinned = *std::move(made);
  SeccompOptions options{.network = false,
                         .landlock_abi = features.landlock_abi,
                         .protected_processes = settings.protected_processes,
                         .protected_groups = {::getpgrp()}};
  made = make_standard_filter(options);
  if (!made) return std::move(made).error();
  standard = *std::move(made);
  options.network = true;
  made = make_standard_filter(options);
  if (!made) return std::move(made).error();
  standard_with_network = *std::move(made);
  return {};
}

Result<void> Sandbox::State::open_paths() {
  for (const auto& [path, access] : kSystemPaths) {
    // Not every system has all of them.
    if (auto opened = LandlockPath::open(path, access)) paths.push_back(*std::move(opened));
  }
  const auto open_all = [this](const std::vector<std::string>& names, PathAccess access) -> Result<void> {
    for (const std::string& name : names) {
      auto opened = LandlockPath::open(name, access);
      if (!opened) return Error{ErrorCode::invalid_config, opened.error().detail};
      paths.push_back(*std::move(opened));
    }
    return {};
  };
  if (auto opened = open_all(settings.readable, PathAccess::read); !opened) return opened;
  return open_all(settings.writable, PathAccess::write);
}

Result<LandlockRuleset> Sandbox::State::make_ruleset(const SandboxRequest& request) const {
  auto ruleset = LandlockRuleset::create(features.landlock_abi);
  if (!ruleset) return ruleset;
  for (const LandlockPath& path : paths) {
    if (auto allowed = ruleset->allow(path); !allowed) return std::move(allowed).error();
  }
  for (const std::string& name : request.readable) {
    const auto path = LandlockPath::open(name, PathAccess::read);
    if (!path) continue;
    if (auto allowed = ruleset->allow(*path); !allowed) return std::move(allowed).error();
  }
  const auto folder = LandlockPath::open(request.run_folder, PathAccess::write);
  if (!folder) return folder.error();
  if (auto allowed = ruleset->allow(*folder); !allowed) return std::move(allowed).error();
  return ruleset;
}

Confined::Confined(Confined&&) noexcept = default;
Confined& Confined::operator=(Confined&&) noexcept = default;
Confined::~Confined() = default;

void Confined::wrap(ChildSpec&) const {}

Sandbox::Sandbox(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Sandbox::Sandbox(Sandbox&&) noexcept = default;
Sandbox& Sandbox::operator=(Sandbox&&) noexcept = default;
Sandbox::~Sandbox() = default;

const SandboxFeatures& Sandbox::features() const noexcept { return state_->features; }

Result<Sandbox> Sandbox::create(SandboxSettings settings, SandboxFeatures features) {
  auto state = std::make_unique<State>();
  state->settings = std::move(settings);
  state->settings.protected_processes.push_back(::getpid());
  state->features = std::move(features);
  if (auto made = state->make_filters(); !made) return std::move(made).error();
  if (auto opened = state->open_paths(); !opened) return std::move(opened).error();
  return Sandbox(std::move(state));
}

std::vector<std::string> Sandbox::missing(SandboxProfile profile) const {
  const SandboxFeatures& features = state_->features;
  std::vector<std::string> names;
  if (profile == SandboxProfile::none) return names;
  if (!features.seccomp) names.emplace_back("seccomp");
  if (profile == SandboxProfile::standard && features.landlock_abi == 0) names.emplace_back("landlock");
  if (profile == SandboxProfile::strict && !features.namespaces) names.emplace_back("namespaces");
  return names;
}

Result<Confined> Sandbox::confine(const SandboxRequest& request) const {
  const State& state = *state_;
  SandboxProfile profile = request.profile;
  if (const auto absent = missing(profile); !absent.empty()) {
    if (state.settings.on_missing == SandboxSettings::OnMissing::refuse) {
      return Error{ErrorCode::not_allowed, "the sandbox " + std::string(name_of(profile)) +
                                               " cannot be had on this server: it lacks " + joined(absent)};
    }
    profile = SandboxProfile::standard;  // With what there is of it.
  }
  Confined confined;
  confined.profile_ = profile;
  confined.confinement_.limits = request.limits;
  confined.confinement_.no_new_privileges = true;
  if (state.pinned) confined.confinement_.seccomp = state.pinned->program();
  if (profile == SandboxProfile::none) return confined;
  confined.confinement_.drop_capabilities = true;
  if (state.standard) {
    confined.confinement_.seccomp = (request.network ? state.standard_with_network : state.standard)->program();
  }
  if (state.features.landlock_abi > 0) {
    auto ruleset = state.make_ruleset(request);
    if (!ruleset) return std::move(ruleset).error();
    confined.ruleset_ = *std::move(ruleset);
    confined.confinement_.landlock_ruleset = confined.ruleset_->fd();
  }
  return confined;
}

}  // namespace skillscale
