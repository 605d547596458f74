// The escape matrix: a hostile program under each profile, as root, as an ordinary
// user and in what a container offers by default.
#include "os/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/limits.h"
#include "os/supervised_run.h"
#include "support/processes.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;
using enum SandboxProfile;
using testing::kDeadline;

constexpr uid_t kOrdinaryUser = 65534;

// Attempts of the escape program and the errno of each; 0: it worked.
using Attempts = std::map<std::string, int>;

const RunLimits kLimits{.timeout = kDeadline,
                        .kill_grace = std::chrono::seconds(1),
                        .drain_grace = std::chrono::seconds(1),
                        .stdout_bytes_max = limits::kMiB,
                        .stderr_bytes_max = limits::kMiB,
                        .flood_bytes_max = 2 * limits::kMiB};

// Who runs the daemon, and what it may do.
enum class World { as_it_is, ordinary_user, container };

// A container without capabilities, whose own filter says what Docker's says.
bool enter_container() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  for (int capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) continue;
  if (::syscall(SYS_capset, &header, none.data()) != 0) return false;
  constexpr unsigned kNamespaces = 0x7e020000;
  const auto refuse = [](int error) { return SECCOMP_RET_ERRNO | static_cast<unsigned>(error); };
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
                                      BPF_STMT(BPF_RET | BPF_K, refuse(ENOSYS))};
  for (const unsigned call : {SYS_unshare, SYS_setns, SYS_mount, SYS_pivot_root, SYS_bpf, SYS_keyctl, SYS_add_key,
                              SYS_io_uring_setup, SYS_open_by_handle_at}) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, refuse(EPERM)));
  }
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kNamespaces, 0, 1));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, refuse(EPERM)));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

bool enter(World world) {
  if (world == World::container) return enter_container();
  if (world == World::as_it_is || ::geteuid() != 0) return true;
  return ::setgroups(0, nullptr) == 0 && ::setgid(kOrdinaryUser) == 0 && ::setuid(kOrdinaryUser) == 0 &&
         ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;  // Whether the kernel hides us is not what is tested.
}

// The daemon's surroundings that the hostile program aims at.
class Targets {
 public:
  explicit Targets(const std::string& root) : folder_(root + "/targets-" + std::to_string(::getpid())) {
    fs::create_directories(folder_ + "/run");
    fs::create_directories(folder_ + "/other-run");
    std::ofstream(folder_ + "/other-run/file") << "text";
    tcp_ = listen_inet(SOCK_STREAM);
    udp_ = listen_inet(SOCK_DGRAM);
    unix_ = listen_unix(SOCK_STREAM, folder_ + "/stream");
    datagram_ = listen_unix(SOCK_DGRAM, folder_ + "/datagram");
    abstract_ = listen_unix(SOCK_STREAM, std::string(1, '\0') + abstract_name());
  }

  std::string run_folder() const { return folder_ + "/run"; }
  std::string outside() const { return folder_ + "/outside"; }
  std::string text_of_other_run() const {
    std::ifstream file(folder_ + "/other-run/file");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<std::string> arguments() const {
    return {"escape",
            "daemon=" + std::to_string(::getpid()),
            "other=" + folder_ + "/other-run/file",
            "outside=" + outside(),
            "tcp=" + std::to_string(port_of(tcp_)),
            "udp=" + std::to_string(port_of(udp_)),
            "unix=" + folder_ + "/stream",
            "datagram=" + folder_ + "/datagram",
            "abstract=" + abstract_name(),
            "secret=/etc/shadow"};
  }

 private:
  static std::string abstract_name() { return "escape-" + std::to_string(::getpid()); }
  static Fd listen_inet(int type) {
    Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (bound == 0 && type == SOCK_STREAM) ::listen(fd.get(), 16);
    return fd;
  }
  static Fd listen_unix(int type, const std::string& name) {
    Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), bytes);
    if (bound == 0 && type == SOCK_STREAM) ::listen(fd.get(), 16);
    return fd;
  }
  static unsigned port_of(const Fd& fd) {
    sockaddr_in address{};
    socklen_t bytes = sizeof address;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
    return ntohs(address.sin_port);
  }

  std::string folder_;
  Fd tcp_, udp_, unix_, datagram_, abstract_;
};

class SandboxTest : public ::testing::Test {
 protected:
  SandboxTest() {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    fs::permissions(root_, fs::perms(01777));
    fs::create_directory(root_ + "/bin");
    fs::copy_file(SKILLSCALE_ESCAPE, root_ + "/bin/escape");
  }
  ~SandboxTest() override { fs::remove_all(root_); }

  static Sandbox make(SandboxSettings settings = {}) {
    auto sandbox = Sandbox::create(std::move(settings), probe_sandbox());
    EXPECT_TRUE(sandbox) << sandbox.error();
    return *std::move(sandbox);
  }

  SandboxRequest request(SandboxProfile profile, const std::string& run_folder) const {
    return {.profile = profile, .network = false, .run_folder = run_folder, .readable = {root_ + "/bin"}, .limits = {}};
  }

  // Starts a program as a server would.
  static Result<RunOutcome> run(const Sandbox& sandbox, const SandboxRequest& request, std::vector<std::string> argv,
                                std::string_view input = {}) {
    auto confined = sandbox.confine(request);
    if (!confined) return std::move(confined).error();
    ChildSpec spec{.program = argv[0],
                   .argv = argv,
                   .environment = {"PATH=/usr/bin:/bin", "HOME=" + request.run_folder, "LANG=C.UTF-8"},
                   .working_folder = request.run_folder};
    spec.confinement = &confined->confinement();
    confined->wrap(spec);
    return run_supervised(spec, input, kLimits, -1);
  }

  // In a process that has entered `world`: "NAME ERRNO" lines, or one line "error TEXT".
  std::string escape_text(const SandboxRequest& wish, const Targets& targets) const {
    std::vector<std::string> argv = targets.arguments();
    argv[0] = root_ + "/bin/escape";
    auto outcome = run(make(), wish, std::move(argv));
    if (!outcome) return "error " + outcome.error().detail + "\n";
    std::string text = outcome->out.bytes;
    if (!outcome->exit.success()) text += "error the program failed: " + outcome->err.bytes + "\n";
    if (fs::exists(targets.outside())) text += "made-outside 0\n";
    if (targets.text_of_other_run() != "text") text += "changed-other 0\n";
    return text;
  }

  Attempts escape(World world, SandboxProfile profile, bool network = false) const {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    Fd read_end(ends[0]);
    Fd write_end(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
      if (!enter(world)) ::_exit(1);
      const Targets targets(root_);
      SandboxRequest wish = request(profile, targets.run_folder());
      wish.network = network;
      const std::string text = escape_text(wish, targets);
      ::_exit(::write(write_end.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }
    write_end.reset();
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t got; (got = ::read(read_end.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "the world could not be entered";
    Attempts attempts;
    std::istringstream lines(text);
    for (std::string name; lines >> name;) {
      if (name != "error") {
        lines >> attempts[name];
        continue;
      }
      std::getline(lines, name);
      ADD_FAILURE() << name;
    }
    EXPECT_EQ(attempts.count("done"), 1U) << text;
    return attempts;
  }

  static void expect(const Attempts& attempts, const std::map<int, std::vector<std::string>>& expected) {
    for (const auto& [error, names] : expected) {
      for (const std::string& name : names) {
        const auto found = attempts.find(name);
        ASSERT_NE(found, attempts.end()) << name;
        EXPECT_EQ(found->second, error) << name << ": " << ::strerror(found->second) << ", not " << ::strerror(error);
      }
    }
  }

  static bool has(const char* feature) {
    static const SandboxFeatures features = probe_sandbox();
    const std::string_view name(feature);
    return name == "landlock"     ? features.landlock_abi > 0
           : name == "namespaces" ? features.namespaces
                                  : features.seccomp;
  }

  std::string root_ = (fs::temp_directory_path() / "sandbox-XXXXXX").string();
};

// What the standard profile promises wherever it can be had.
const std::map<int, std::vector<std::string>> kStandard = {
    {0, {"write-own", "read-system", "shared-file", "pair", "session"}},
    {EACCES,
     {"read-environ", "read-memory-file", "read-other-run", "read-secret", "list-root-home", "write-outside",
      "truncate-other-run", "watch-other-run", "tcp", "udp", "unix-path", "unix-abstract", "unix-pair-datagram",
      "unix-pair-raw", "packet"}},
    {EPERM, {"ptrace",         "process-vm-readv",
             "signal",         "signal-thread",
             "signal-queue",   "pidfd",
             "signal-folder",  "set-limit",
             "set-priority",   "set-user-priority",
             "add-key",        "bpf",
             "user-namespace", "clone-user-namespace",
             "mount",          "fsopen",
             "setns",          "open-by-handle",
             "terminal-input", "personality",
             "shared-memory"}},
    {ENOSYS, {"io-uring", "clone3"}}};

// What works for whoever is not confined, so that the refusals above are not an accident.
const std::vector<std::string> kFreeWithout = {"read-environ",
                                               "signal",
                                               "signal-thread",
                                               "signal-queue",
                                               "pidfd",
                                               "set-limit",
                                               "signal-folder",
                                               "set-priority",
                                               "read-other-run",
                                               "write-outside",
                                               "truncate-other-run",
                                               "watch-other-run",
                                               "tcp",
                                               "udp",
                                               "unix-path",
                                               "unix-abstract",
                                               "unix-pair-datagram",
                                               "unix-pair-raw",
                                               "pair",
                                               "personality",
                                               "shared-memory",
                                               "write-own",
                                               "read-system",
                                               "shared-file"};

class SandboxWorldTest : public SandboxTest, public ::testing::WithParamInterface<World> {};

TEST_P(SandboxWorldTest, WithoutASandboxTheAttemptsWork) {
  const Attempts attempts = escape(GetParam(), none);
  expect(attempts, {{0, kFreeWithout}});
  EXPECT_EQ(attempts.count("made-outside"), 1U);
  EXPECT_NE(attempts.at("terminal-input"), EPERM);
}

TEST_P(SandboxWorldTest, AlsoWithoutASandboxNothingLeavesItsGroup) {
  if (!has("seccomp")) GTEST_SKIP() << "no seccomp here";
  expect(escape(GetParam(), none), {{0, {"session"}}});
}

TEST_P(SandboxWorldTest, StandardStopsThem) {
  if (!has("landlock") || !has("seccomp")) GTEST_SKIP() << "the standard profile cannot be had here";
  const Attempts attempts = escape(GetParam(), standard);
  expect(attempts, kStandard);
  EXPECT_EQ(attempts.count("made-outside") + attempts.count("changed-other"), 0U);
}

TEST_P(SandboxWorldTest, TheNetworkThatIsAllowedIsInternetSocketsOnly) {
  if (!has("landlock") || !has("seccomp")) GTEST_SKIP() << "the standard profile cannot be had here";
  expect(
      escape(GetParam(), standard, true),
      {{0, {"tcp", "udp"}}, {EACCES, {"unix-path", "unix-abstract", "unix-pair-datagram", "unix-pair-raw", "packet"}}});
}

std::string name_of_world(const ::testing::TestParamInfo<World>& tested) {
  constexpr std::array<const char*, 3> kNames{"AsItIs", "OrdinaryUser", "Container"};
  return kNames[static_cast<std::size_t>(tested.param)];
}

INSTANTIATE_TEST_SUITE_P(Worlds, SandboxWorldTest,
                         ::testing::Values(World::as_it_is, World::ordinary_user, World::container), name_of_world);

// What is outside does not even exist there, except where the filter speaks first.
const std::map<int, std::vector<std::string>> kStrict = {
    {0, {"write-own", "read-system", "shared-file", "pair", "session"}},
    {ENOENT,
     {"signal-folder", "read-environ", "read-memory-file", "read-other-run", "list-root-home", "truncate-other-run"}},
    {ESRCH, {"signal", "signal-thread", "pidfd", "set-limit", "set-priority"}},
    {EACCES,
     {"read-secret", "tcp", "udp", "unix-path", "unix-abstract", "unix-pair-datagram", "unix-pair-raw", "packet"}},
    {EPERM,
     {"ptrace", "process-vm-readv", "add-key", "bpf", "user-namespace", "clone-user-namespace", "mount", "fsopen",
      "setns", "open-by-handle", "terminal-input", "personality", "shared-memory"}},
    {ENOSYS, {"io-uring", "clone3"}}};

class SandboxStrictTest : public SandboxTest, public ::testing::WithParamInterface<World> {
 protected:
  void SetUp() override {
    if (!has("namespaces") || !has("seccomp")) GTEST_SKIP() << "the strict profile cannot be had here";
  }
};

TEST_P(SandboxStrictTest, StrictStopsThem) {
  const Attempts attempts = escape(GetParam(), strict);
  expect(attempts, kStrict);
  EXPECT_EQ(attempts.count("made-outside") + attempts.count("changed-other"), 0U);
}

INSTANTIATE_TEST_SUITE_P(Worlds, SandboxStrictTest, ::testing::Values(World::as_it_is, World::ordinary_user),
                         name_of_world);

TEST_F(SandboxTest, WhatIsMissingIsRefusedOrDegradedAsConfigured) {
  const SandboxFeatures nothing;
  const auto refusing = Sandbox::create({}, nothing);
  ASSERT_TRUE(refusing) << refusing.error();
  for (const SandboxProfile profile : {standard, strict}) {
    const auto confined = refusing->confine(request(profile, root_));
    ASSERT_FALSE(confined);
    EXPECT_EQ(confined.error().code, ErrorCode::not_allowed);
  }
  EXPECT_TRUE(refusing->confine(request(none, root_)));
  EXPECT_EQ(refusing->missing(standard), (std::vector<std::string>{"seccomp", "landlock"}));
  EXPECT_EQ(refusing->missing(strict), (std::vector<std::string>{"seccomp", "namespaces"}));
  EXPECT_TRUE(refusing->missing(none).empty());

  SandboxSettings lenient;
  lenient.on_missing = SandboxSettings::OnMissing::degrade;
  const auto degrading = Sandbox::create(lenient, nothing);
  ASSERT_TRUE(degrading) << degrading.error();
  const auto confined = degrading->confine(request(strict, root_));
  ASSERT_TRUE(confined) << confined.error();
  EXPECT_EQ(confined->profile(), standard);
  EXPECT_EQ(confined->confinement().seccomp, nullptr);
}

TEST_F(SandboxTest, APathOfTheOperatorThatIsNotThereIsAWrongSetting) {
  SandboxSettings settings;
  settings.readable = {root_ + "/absent"};
  const auto sandbox = Sandbox::create(settings, {});
  ASSERT_FALSE(sandbox);
  EXPECT_EQ(sandbox.error().code, ErrorCode::invalid_config);
}

TEST_F(SandboxTest, TheOperatorCanOpenMorePaths) {
  fs::create_directories(root_ + "/run");
  fs::create_directories(root_ + "/models");
  fs::create_directories(root_ + "/cache");
  std::ofstream(root_ + "/models/m") << "model";
  SandboxSettings settings;
  settings.readable = {root_ + "/models"};
  settings.writable = {root_ + "/cache"};
  const Sandbox sandbox = make(settings);
  for (const SandboxProfile profile : {standard, strict}) {
    if (!sandbox.missing(profile).empty()) continue;
    const auto outcome = run(sandbox, request(profile, root_ + "/run"),
                             {"/bin/sh", "-c",
                              "cat '" + root_ + "/models/m'; echo x > '" + root_ + "/cache/f' && echo cached; " +
                                  "echo x > '" + root_ + "/models/f' || echo refused"});
    ASSERT_TRUE(outcome) << outcome.error();
    EXPECT_EQ(outcome->out.bytes, "modelcached\nrefused\n") << name_of(profile) << outcome->err.bytes;
  }
}

TEST_F(SandboxTest, SignalsAndExitCodesOfTheProgramAreToldApartUnderEveryProfile) {
  fs::create_directories(root_ + "/run");
  const Sandbox sandbox = make();
  for (const SandboxProfile profile : {none, standard, strict}) {
    if (!sandbox.missing(profile).empty()) continue;
    const auto crash = run(sandbox, request(profile, root_ + "/run"), {"/bin/sh", "-c", "kill -SEGV $$"});
    ASSERT_TRUE(crash) << crash.error();
    EXPECT_EQ(crash->exit.signal, SIGSEGV) << name_of(profile);
    const auto failure = run(sandbox, request(profile, root_ + "/run"), {"/bin/sh", "-c", "exit 42"});
    ASSERT_TRUE(failure) << failure.error();
    EXPECT_EQ(failure->exit.code, 42) << name_of(profile) << failure->err.bytes;
  }
}

TEST_F(SandboxTest, AStoppedProgramHasItsGraceUnderEveryProfile) {
  fs::create_directories(root_ + "/run");
  const Sandbox sandbox = make();
  for (const SandboxProfile profile : {none, standard, strict}) {
    if (!sandbox.missing(profile).empty()) continue;
    auto confined = sandbox.confine(request(profile, root_ + "/run"));
    ASSERT_TRUE(confined) << confined.error();
    ChildSpec spec{
        .program = "/bin/sh",
        .argv = {"sh", "-c", "trap 'echo bye; exit 7' TERM; echo ready > ready; while :; do sleep 0.01; done"},
        .environment = {"PATH=/usr/bin:/bin"},
        .working_folder = root_ + "/run"};
    spec.confinement = &confined->confinement();
    confined->wrap(spec);
    RunLimits brief = kLimits;
    brief.timeout = std::chrono::milliseconds(500);
    brief.kill_grace = kDeadline;
    const auto outcome = run_supervised(spec, {}, brief, -1);
    ASSERT_TRUE(outcome) << outcome.error();
    EXPECT_EQ(outcome->end, RunOutcome::End::timed_out);
    EXPECT_EQ(outcome->out.bytes, "bye\n") << name_of(profile);
    EXPECT_EQ(outcome->exit.code, 7) << name_of(profile);
  }
}

TEST_F(SandboxTest, OfTheCapabilitiesOnlyThoseForARootUsersFilesAreLeft) {
  fs::create_directories(root_ + "/run");
  const Sandbox sandbox = make();
  if (!sandbox.missing(standard).empty()) GTEST_SKIP() << "the standard profile cannot be had here";
  const auto outcome = run(sandbox, request(standard, root_ + "/run"), {"/bin/grep", "CapEff", "/proc/self/status"});
  ASSERT_TRUE(outcome) << outcome.error();
  // chown, dac_override, fowner, fsetid.
  const bool root = ::geteuid() == 0;
  EXPECT_EQ(outcome->out.bytes, root ? "CapEff:\t000000000000001b\n" : "CapEff:\t0000000000000000\n");
}

TEST_F(SandboxTest, ARulesetThatWasMadeAheadIsUsedOnce) {
  fs::create_directories(root_ + "/run");
  const Sandbox sandbox = make();
  if (!sandbox.missing(standard).empty()) GTEST_SKIP() << "the standard profile cannot be had here";
  sandbox.prepare_next();
  for (const char* folder : {"/run", "/other"}) {
    fs::create_directories(root_ + folder);
    const auto outcome = run(sandbox, request(standard, root_ + folder),
                             {"/bin/sh", "-c", "echo x > f && echo y 2>/dev/null > ../run/g || echo refused"});
    ASSERT_TRUE(outcome) << outcome.error();
    EXPECT_EQ(outcome->out.bytes, folder == std::string("/run") ? "" : "refused\n") << outcome->err.bytes;
  }
}

TEST_F(SandboxTest, ARulesetIsUsedAgainOnlyForTheSamePlaces) {
  const Sandbox sandbox = make();
  if (!sandbox.missing(standard).empty()) GTEST_SKIP() << "the standard profile cannot be had here";
  const std::string places[] = {root_ + "/skill", root_ + "/run"};
  SandboxRequest wanted = request(standard, places[1]);
  wanted.readable.push_back(places[0]);
  const std::string script = "cat ../skill/f && echo x > g && { cat ../old/f ../old/g 2>/dev/null || echo refused; }";
  for (int turn = 0; turn < 4; ++turn) {
    // Every second time other folders have the same names; what had them is still there.
    if (turn % 2 == 0) {
      fs::remove_all(root_ + "/old");
      if (turn > 0) fs::rename(places[0], root_ + "/old");
      for (const std::string& place : places) {
        fs::remove_all(place);
        fs::create_directories(place);
      }
      std::ofstream(places[0] + "/f") << turn << "\n";
    }
    const auto outcome = run(sandbox, wanted, {"/bin/sh", "-c", script});
    ASSERT_TRUE(outcome) << outcome.error();
    EXPECT_EQ(outcome->out.bytes, std::to_string(turn / 2 * 2) + "\nrefused\n") << outcome->err.bytes;
  }
}

// Ordinary programs must not notice.
TEST_F(SandboxTest, OrdinaryProgramsWorkUnderEveryProfile) {
  fs::create_directories(root_ + "/run");
  const Sandbox sandbox = make();
  const std::vector<std::vector<std::string>> programs = {
      {"/bin/sh", "-c",
       "echo hi > f; cat f | tr a-z A-Z; (exit 0); mkdir -p d/e; mv f d/e/f; ls -l d/e >/dev/null; date >/dev/null"},
      {"/bin/bash", "-c", "set -m; sleep 0 & wait; cat <(echo x) <<<y >/dev/stderr; ulimit -n >/dev/null"},
      {"/usr/bin/python3", "-c",
       "import json,hashlib,subprocess,tempfile,threading,ssl,sqlite3,asyncio,os\n"
       "subprocess.run(['/bin/true'],check=True,start_new_session=True)\n"
       "t=threading.Thread(target=print);t.start();t.join()\n"
       "tempfile.TemporaryFile(dir='.').close();asyncio.run(asyncio.sleep(0));os.cpu_count()"},
      {"/usr/bin/python3", "-c",
       "import multiprocessing as m\n"
       "with m.Pool(2) as p: assert p.map(abs,[-1,2,-3])==[1,2,3]\n"
       "q=m.Queue();c=m.Process(target=q.put,args=(7,));c.start();assert q.get()==7;c.join()"},
      {"/usr/bin/node", "-e",
       "const c=require('child_process');const fs=require('fs');fs.writeFileSync('n','x');"
       "if(c.spawnSync('/bin/echo',['a'],{detached:true}).stdout.toString()!=='a\\n')process.exit(1)"},
      {"/usr/bin/perl", "-e", "print `echo perl`"}};
  for (const SandboxProfile profile : {none, standard, strict}) {
    if (!sandbox.missing(profile).empty()) continue;
    for (const auto& program : programs) {
      if (!fs::exists(program[0])) continue;
      const auto outcome = run(sandbox, request(profile, root_ + "/run"), program);
      ASSERT_TRUE(outcome) << outcome.error();
      EXPECT_TRUE(outcome->exit.success()) << name_of(profile) << ": " << program[0] << " " << program[2] << "\n"
                                           << outcome->out.bytes << outcome->err.bytes;
    }
  }
}

}  // namespace
}  // namespace skillscale
