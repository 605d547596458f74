#include "os/sandbox.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <list>
#include <utility>

#include "base/guarded.h"
#include "base/limits.h"
#include "os/bubblewrap.h"
#include "os/public_files.h"
#include "os/seccomp_filter.h"
#include "os/supervised_run.h"

namespace skillscale {
namespace {

constexpr std::array<std::string_view, 3> kProfileNames{"none", "standard", "strict"};

// Beside /etc.
constexpr auto kSystemPaths = std::to_array<std::pair<const char*, PathAccess>>({
    {"/usr", PathAccess::read},
    {"/bin", PathAccess::read},
    {"/sbin", PathAccess::read},
    {"/lib", PathAccess::read},
    {"/lib32", PathAccess::read},
    {"/lib64", PathAccess::read},
    {"/proc", PathAccess::read},
    {"/sys/devices/system", PathAccess::read},  // How many processors there are.
    {"/dev/null", PathAccess::device},
    {"/dev/zero", PathAccess::device},
    {"/dev/full", PathAccess::device},
    {"/dev/random", PathAccess::device},
    {"/dev/urandom", PathAccess::device},
    {"/dev/shm", PathAccess::shared_memory},  // Where multiprocessing keeps its semaphores.
});

// bubblewrap has its own of these.
bool is_device(PathAccess access) { return access == PathAccess::device || access == PathAccess::shared_memory; }

// Only root could read what is not public; then it is left out for runs too.
PublicFiles find_readable_etc() {
  if (::geteuid() == 0) return find_public_files("/etc");
  return {.open = {"/etc"}, .hidden = {}};
}

// A file that lives in memory until the daemon ends, for bubblewrap to read.
Result<Fd> to_file(const SeccompFilter& filter) {
  const std::string bytes = filter.bytes();
  Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (file && ::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size())) return file;
  return Error::from_errno(ErrorCode::internal, "keep a seccomp filter");
}

// A description of its own, so that it is read from the beginning, under a number
// that no pipe of the child takes.
Result<Fd> reopen(const Fd& file) {
  const Fd opened(::open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), O_RDONLY | O_CLOEXEC));
  Fd lifted(opened ? ::fcntl(opened.get(), F_DUPFD_CLOEXEC, kResultFd + 1) : -1);
  if (lifted) return lifted;
  return Error::from_errno(ErrorCode::internal, "open a seccomp filter");
}

// What every strict run gets. /proc and the devices are bubblewrap's own.
void add_system(Bubblewrap& bubblewrap, const PublicFiles& etc) {
  for (const auto& [path, access] : kSystemPaths) {
    if (!is_device(access) && std::string_view(path) != "/proc") bubblewrap.read_only(path);
  }
  bubblewrap.read_only("/etc");
  for (const PublicFiles::Hidden& hidden : etc.hidden) bubblewrap.hide(hidden.path, hidden.is_folder);
}

// Empty: it works. Otherwise why not, in bubblewrap's own words.
std::string try_namespaces(const std::string& bwrap) {
  Bubblewrap bubblewrap(bwrap);
  bubblewrap.without_network();
  add_system(bubblewrap, find_readable_etc());
  ChildSpec spec{.program = bwrap, .argv = std::move(bubblewrap).before("/"), .environment = {}, .working_folder = "/"};
  spec.argv.emplace_back("/bin/true");
  const RunLimits limits{.timeout = limits::kSandboxProbeTimeout,
                         .kill_grace = {},
                         .drain_grace = limits::kPipeDrainGrace,
                         .stdout_bytes_max = 0,
                         .stderr_bytes_max = limits::kStderrTailBytes,
                         .flood_bytes_max = limits::kMiB};
  const auto outcome = run_supervised(spec, {}, limits, -1);
  if (!outcome) return outcome.error().detail;
  if (outcome->exit.success()) return {};
  return outcome->err.bytes.empty() ? "bubblewrap failed" : outcome->err.bytes;
}

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

// For the filter's rules that stand in for an old Landlock.
constexpr int kNamespacesDoIt = 7;

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
  features.namespaces_problem = features.bwrap.empty() ? "bubblewrap is not installed" : try_namespaces(features.bwrap);
  features.namespaces = features.namespaces_problem.empty();
  return features;
}

// The two filters of one kind of run.
struct FilterSet {
  SeccompFilter standard;  // For what is started directly.
  Fd strict;               // For bubblewrap: the same, but nobody outside needs protection.
};

// A finished ruleset can be taken on again and again. A folder that is used again brings the same one with it.
struct UsedRuleset {
  std::vector<LandlockPath::Rule> added;  // To the system's paths.
  std::shared_ptr<const LandlockRuleset> ruleset;
};

struct Sandbox::State {
  SandboxSettings settings;
  SandboxFeatures features;
  std::vector<LandlockPath> paths;
  std::optional<Bubblewrap> bubblewrap;  // Its command line up to what differs from run to run.
  std::optional<SeccompFilter> pinned;
  Fd allow_list;
  std::optional<FilterSet> offline;
  std::optional<FilterSet> online;
  mutable Guarded<std::vector<LandlockRuleset>> spare;  // With the system's paths, for runs to come.
  mutable Guarded<std::list<UsedRuleset>> used;         // The last one first.

  Result<void> make_filters();
  Result<FilterSet> make_filter_set(bool network) const;
  Result<void> open_paths(const PublicFiles& etc);
  Result<std::shared_ptr<const LandlockRuleset>> ruleset_for(const SandboxRequest& request) const;
  std::shared_ptr<const LandlockRuleset> find_used(const std::vector<LandlockPath::Rule>& added) const;
  void keep_used(UsedRuleset ruleset) const;
  Result<LandlockRuleset> make_base_ruleset() const;
  Result<LandlockRuleset> take_base_ruleset() const;
  const FilterSet& filters(bool network) const { return network ? *online : *offline; }
};

Result<FilterSet> Sandbox::State::make_filter_set(bool network) const {
  SeccompOptions options{.network = network,
                         .landlock_abi = features.landlock_abi,
                         .protected_processes = settings.protected_processes,
                         .protected_groups = {::getpgrp()}};
  auto standard = make_standard_filter(options);
  if (!standard) return std::move(standard).error();
  options.protected_processes.clear();
  options.protected_groups.clear();
  options.landlock_abi = kNamespacesDoIt;
  const auto inside = make_standard_filter(options);
  if (!inside) return inside.error();
  auto file = to_file(*inside);
  if (!file) return std::move(file).error();
  return FilterSet{*std::move(standard), *std::move(file)};
}

Result<void> Sandbox::State::make_filters() {
  if (!features.seccomp) return {};
  auto made = make_pinned_filter();
  if (!made) return std::move(made).error();
  pinned = *std::move(made);
  for (const bool network : {false, true}) {
    auto set = make_filter_set(network);
    if (!set) return std::move(set).error();
    (network ? online : offline) = *std::move(set);
  }
  const auto list = make_allow_list_filter();
  if (!list) return list.error();
  auto file = to_file(*list);
  if (!file) return std::move(file).error();
  allow_list = *std::move(file);
  return {};
}

Result<void> Sandbox::State::open_paths(const PublicFiles& etc) {
  // Not every system has all of them.
  const auto open_present = [this](const std::string& path, PathAccess access) {
    if (auto opened = LandlockPath::open(path, access)) paths.push_back(*std::move(opened));
  };
  for (const auto& [path, access] : kSystemPaths) open_present(path, access);
  for (const std::string& path : etc.open) open_present(path, PathAccess::read);
  // Often a link to where the machine's own resolver writes it.
  open_present("/etc/resolv.conf", PathAccess::read);
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

Result<LandlockRuleset> Sandbox::State::make_base_ruleset() const {
  auto ruleset = LandlockRuleset::create(features.landlock_abi);
  if (!ruleset) return ruleset;
  for (const LandlockPath& path : paths) {
    if (auto allowed = ruleset->allow(path); !allowed) return std::move(allowed).error();
  }
  return ruleset;
}

Result<LandlockRuleset> Sandbox::State::take_base_ruleset() const {
  if (auto rulesets = spare.lock(); !rulesets->empty()) {
    LandlockRuleset taken = std::move(rulesets->back());
    rulesets->pop_back();
    return taken;
  }
  return make_base_ruleset();
}

std::shared_ptr<const LandlockRuleset> Sandbox::State::find_used(const std::vector<LandlockPath::Rule>& added) const {
  auto rulesets = used.lock();
  const auto found = std::ranges::find(*rulesets, added, &UsedRuleset::added);
  if (found == rulesets->end()) return nullptr;
  rulesets->splice(rulesets->begin(), *rulesets, found);
  return found->ruleset;
}

void Sandbox::State::keep_used(UsedRuleset ruleset) const {
  std::list<UsedRuleset> oldest;  // Closed outside the lock.
  auto rulesets = used.lock();
  rulesets->push_front(std::move(ruleset));
  if (rulesets->size() > limits::kSpareRunFoldersMax)
    oldest.splice(oldest.end(), *rulesets, std::prev(rulesets->end()));
}

Result<std::shared_ptr<const LandlockRuleset>> Sandbox::State::ruleset_for(const SandboxRequest& request) const {
  std::vector<LandlockPath> added;
  std::vector<LandlockPath::Rule> rules;
  const auto add = [&](LandlockPath path) {
    rules.push_back(path.rule());
    added.push_back(std::move(path));
  };
  for (const std::string& name : request.readable) {
    if (auto path = LandlockPath::open(name, PathAccess::read)) add(*std::move(path));
  }
  auto folder = LandlockPath::open(request.run_folder, PathAccess::write);
  if (!folder) return std::move(folder).error();
  add(*std::move(folder));
  if (auto found = find_used(rules)) return found;
  auto made = take_base_ruleset();
  if (!made) return std::move(made).error();
  for (const LandlockPath& path : added) {
    if (auto allowed = made->allow(path); !allowed) return std::move(allowed).error();
  }
  auto ruleset = std::make_shared<const LandlockRuleset>(*std::move(made));
  keep_used({std::move(rules), ruleset});
  return ruleset;
}

Confined::Confined(Confined&&) noexcept = default;
Confined& Confined::operator=(Confined&&) noexcept = default;
Confined::~Confined() = default;

void Confined::wrap(ChildSpec& spec) const {
  if (!bubblewrap_) return;
  std::vector<std::string> argv = Bubblewrap(*bubblewrap_).before(spec.working_folder);
  argv.push_back(spec.program);
  if (!spec.argv.empty()) argv.insert(argv.end(), spec.argv.begin() + 1, spec.argv.end());
  spec.argv = std::move(argv);
  spec.program = spec.argv.front();
  spec.working_folder = "/";
}

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
  const PublicFiles etc = find_readable_etc();
  if (auto made = state->make_filters(); !made) return std::move(made).error();
  if (auto opened = state->open_paths(etc); !opened) return std::move(opened).error();
  state->bubblewrap.emplace(state->features.bwrap);
  add_system(*state->bubblewrap, etc);
  for (const std::string& path : state->settings.readable) state->bubblewrap->read_only(path);
  for (const std::string& path : state->settings.writable) state->bubblewrap->writable(path);
  return Sandbox(std::move(state));
}

void Sandbox::prepare_next() const {
  if (state_->features.landlock_abi == 0 || state_->spare.lock()->size() >= limits::kSpareRulesetsMax) return;
  // A failure shows when the next run makes its own.
  if (auto ruleset = state_->make_base_ruleset()) state_->spare.lock()->push_back(*std::move(ruleset));
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

Result<void> Sandbox::confine_by_landlock(const SandboxRequest& request, Confined& confined) const {
  confined.confinement_.drop_capabilities = true;
  if (state_->features.seccomp) {
    confined.confinement_.seccomp = state_->filters(request.network).standard.program();
  }
  if (state_->features.landlock_abi == 0) return {};
  auto ruleset = state_->ruleset_for(request);
  if (!ruleset) return std::move(ruleset).error();
  confined.ruleset_ = *std::move(ruleset);
  confined.confinement_.landlock_ruleset = confined.ruleset_->fd();
  return {};
}

Result<void> Sandbox::confine_by_namespaces(const SandboxRequest& request, Confined& confined) const {
  Bubblewrap bubblewrap = *state_->bubblewrap;
  if (!request.network) bubblewrap.without_network();
  for (const std::string& path : request.readable) bubblewrap.read_only(path);
  bubblewrap.writable(request.run_folder);
  if (state_->features.seccomp) {
    auto list = reopen(state_->allow_list);
    if (!list) return std::move(list).error();
    auto standard = reopen(state_->filters(request.network).strict);
    if (!standard) return std::move(standard).error();
    confined.filters_ = {*std::move(list), *std::move(standard)};
  }
  for (std::size_t i = 0; i < confined.filters_.size(); ++i) {
    if (!confined.filters_[i]) continue;
    bubblewrap.filter(confined.filters_[i].get());
    confined.confinement_.kept_descriptors[i] = confined.filters_[i].get();
  }
  confined.confinement_.wraps_program = true;
  confined.bubblewrap_.emplace(std::move(bubblewrap));
  return {};
}

Result<Confined> Sandbox::confine(const SandboxRequest& request) const {
  SandboxProfile profile = request.profile;
  if (const auto absent = missing(profile); !absent.empty()) {
    if (state_->settings.on_missing == SandboxSettings::OnMissing::refuse) {
      return Error{ErrorCode::not_allowed, "the sandbox " + std::string(name_of(profile)) +
                                               " cannot be had on this server: it lacks " + joined(absent)};
    }
    if (!state_->features.namespaces) profile = SandboxProfile::standard;  // With what there is of it.
  }
  Confined confined;
  confined.profile_ = profile;
  confined.confinement_.limits = request.limits;
  confined.confinement_.no_new_privileges = true;
  if (state_->pinned) confined.confinement_.seccomp = state_->pinned->program();
  if (profile == SandboxProfile::standard) {
    if (auto done = confine_by_landlock(request, confined); !done) return std::move(done).error();
  }
  if (profile == SandboxProfile::strict) {
    if (auto done = confine_by_namespaces(request, confined); !done) return std::move(done).error();
  }
  return confined;
}

}  // namespace skillscale
