#include "os/run_cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/clock.h"
#include "base/limits.h"

namespace skillscale {
namespace {

using std::chrono::steady_clock;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool write_to(const std::string& path, std::string_view text) noexcept {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

Error missing(const std::string& what) { return Error::from_errno(ErrorCode::io_error, what); }

// Whether a process can be put into the group and is killed with it.
Result<void> try_on_a_process(RunCgroup& leaf) {
  const pid_t pid = ::fork();
  if (pid < 0) return missing("start a process");
  if (pid == 0) {
    std::signal(SIGTERM, SIG_DFL);
    if (::write(leaf.procs_fd(), "0", 1) != 1) ::_exit(1);
    leaf.kill();
    ::_exit(2);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return {};
  return Error{ErrorCode::io_error,
               WEXITSTATUS(status) == 1 ? "a process may not join a control group" : "cgroup.kill does nothing"};
}

}  // namespace

// mountinfo: id parent device root mountpoint options... - type source superoptions.
std::optional<std::string> find_own_cgroup(const std::string& mountinfo, const std::string& cgroup) {
  std::optional<std::string> mount;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line) && !mount;) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream words(line);
    std::string id, parent, device, root, point;
    if (words >> id >> parent >> device >> root >> point && root == "/") mount = point;
  }
  if (!mount) return std::nullopt;
  std::istringstream groups(cgroup);
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::/") || line.find("/..") != std::string::npos) continue;
    const std::string path = line.substr(3);
    return path == "/" ? *mount : *mount + path;
  }
  return std::nullopt;
}

std::uint64_t flat_keyed_value(const std::string& text, std::string_view key) noexcept {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    const std::string_view digits = line.substr(key.size() + 1);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() ? value : 0;
  }
  return 0;
}

Result<std::string> make_cgroup_folder() {
  const auto own = find_own_cgroup(text_of("/proc/self/mountinfo"), text_of("/proc/self/cgroup"));
  if (!own) return Error{ErrorCode::io_error, "there are no control groups of version 2"};
  // The guardian of an earlier daemon with our process id may still be at work on its folder.
  const std::string folder = *own + "/skillscale-" + std::to_string(::getpid()) + "-" +
                             std::to_string(steady_clock::now().time_since_epoch().count());
  if (::mkdir(folder.c_str(), 0755) != 0) return missing("make the control group " + folder);
  // Where it is not there, or not given to us, a kill by the kernel for memory looks like any other.
  write_to(folder + "/cgroup.subtree_control", "+memory");
  auto leaf = RunCgroup::create(folder, "probe");
  auto tried = leaf ? try_on_a_process(**leaf) : Result<void>(leaf.error());
  leaf = Error{};  // Removes it.
  if (tried) return folder;
  remove_cgroups(folder);
  return tried.error();
}

bool remove_cgroups(const std::string& folder) noexcept {
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
  write_to(folder + "/cgroup.kill", "1");
  if (DIR* const entries = ::opendir(folder.c_str()); entries != nullptr) {
    while (const dirent* entry = ::readdir(entries)) {
      if (entry->d_type == DT_DIR && entry->d_name[0] != '.') ::unlinkat(::dirfd(entries), entry->d_name, AT_REMOVEDIR);
    }
    ::closedir(entries);
  }
  return ::rmdir(folder.c_str()) == 0;
}

Result<std::unique_ptr<RunCgroup>> RunCgroup::create(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return missing("make the control group " + path);
  const auto open = [&path](const char* file, int flags) {
    const Fd fd(::open((path + file).c_str(), flags | O_CLOEXEC));
    return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 5));  // 3 and 4 could be taken by the pipes of a run.
  };
  Fd procs = open("/cgroup.procs", O_WRONLY);
  Fd kill = procs ? open("/cgroup.kill", O_WRONLY) : Fd();  // Linux 5.14.
  Fd events = kill ? open("/cgroup.events", O_RDONLY) : Fd();
  if (!events) {
    const Error error = missing("use the control group " + path);
    ::rmdir(path.c_str());
    return error;
  }
  return std::unique_ptr<RunCgroup>(new RunCgroup(path, std::move(procs), std::move(kill), std::move(events)));
}

Result<std::unique_ptr<RunCgroup>> RunCgroup::create_beside(const std::string& suffix) const {
  const std::size_t slash = path_.rfind('/');
  return create(path_.substr(0, slash), path_.substr(slash + 1) + suffix);
}

RunCgroup::~RunCgroup() {
  kill();
  wait_until_empty();
  ::rmdir(path_.c_str());
}

void RunCgroup::kill() noexcept { [[maybe_unused]] const ssize_t written = ::write(kill_.get(), "1", 1); }

bool RunCgroup::wait_until_empty() noexcept {
  const auto end = steady_clock::now() + limits::kCgroupEmptyWaitMax;
  for (;;) {
    std::array<char, 256> buffer{};
    const ssize_t got = ::pread(events_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0 && flat_keyed_value({buffer.data(), static_cast<std::size_t>(got)}, "populated") == 0) return true;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now()).count();
    if (got <= 0 || left <= 0) return false;
    pollfd changed{events_.get(), POLLPRI, 0};  // kernfs tells of each change since the last read.
    ::poll(&changed, 1, static_cast<int>(left));
  }
}

std::uint64_t RunCgroup::out_of_memory_kills() const noexcept {
  return flat_keyed_value(text_of(path_ + "/memory.events"), "oom_kill");
}

}  // namespace skillscale
