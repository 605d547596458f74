#include "engine/zygote_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "base/check.h"
#include "base/limits.h"
#include "engine/python_sources.h"
#include "skills/python_command.h"

namespace skillscale {
namespace {

constexpr int kControlFd = 5;  // As the Python side expects it; 3 and 4 belong to runs.
constexpr const char* kSource = "skillscale_zygote.py";

// What the three commands answer with.
struct __attribute__((packed)) ReapAnswer {
  char kind;
  std::int32_t status;
  std::int64_t cpu_us;
  std::int64_t rss_kib;
};
struct __attribute__((packed)) NumberAnswer {
  char kind;
  std::int32_t number;
};

template <typename Answer>
std::optional<Answer> parse(const std::string& bytes, char kind) {
  Answer answer;
  if (bytes.size() != sizeof(answer) || bytes[0] != kind) return std::nullopt;
  std::memcpy(&answer, bytes.data(), sizeof(answer));
  return answer;
}

std::string command(char kind, int number) {
  std::string bytes(1, kind);
  const std::int32_t value = number;
  std::array<char, sizeof(value)> raw{};
  std::memcpy(raw.data(), &value, sizeof(value));
  return bytes.append(raw.data(), raw.size());
}

Error failed(std::string_view doing, int error = errno) {
  return Error::from_errno(ErrorCode::spawn_failed, doing, error);
}

// The program text comes on standard input: in argv everybody would see it in a list of processes.
Result<Fd> source_file() {
  const auto sources = python_sources();
  const auto source = std::find_if(sources.begin(), sources.end(), [](const auto& s) { return s.name == kSource; });
  SK_CHECK(source != sources.end());
  Fd file(::memfd_create("skillscale-zygote", MFD_CLOEXEC));
  if (!file) return failed("make a file in memory");
  const auto written = ::write(file.get(), source->text.data(), source->text.size());
  if (written != static_cast<ssize_t>(source->text.size()) || ::lseek(file.get(), 0, SEEK_SET) != 0) {
    return failed("write the zygote's program");
  }
  return file;
}

// Owns what posix_spawn wants to be told, in its own forms.
class SpawnPlan {
 public:
  SpawnPlan() {
    SK_CHECK(::posix_spawn_file_actions_init(&actions_) == 0);
    SK_CHECK(::posix_spawnattr_init(&attributes_) == 0);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // Numbers of sources are above kControlFd, so that none is overwritten by another.
  void pass(const Fd& source, int number) {
    SK_CHECK(::posix_spawn_file_actions_adddup2(&actions_, source.get(), number) == 0);
  }
  int spawn(const std::string& program, std::vector<std::string> argv, pid_t& pid) {
    SK_CHECK(::posix_spawn_file_actions_addchdir_np(&actions_, "/") == 0);
    SK_CHECK(::posix_spawn_file_actions_addclosefrom_np(&actions_, kControlFd + 1) == 0);
    std::vector<char*> pointers;
    pointers.reserve(argv.size() + 1);
    for (std::string& argument : argv) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    std::string path = "PATH=/usr/local/bin:/usr/bin:/bin";
    std::string locale = kZygoteLocale;
    std::array<char*, 3> environment{path.data(), locale.data(), nullptr};
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, pointers.data(), environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

bool lift(Fd& fd) {
  if (fd.get() > kControlFd) return true;
  fd = Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kControlFd + 1));
  return static_cast<bool>(fd);
}

struct Channel {
  Fd ours, its;         // The control socket.
  Fd words, its_words;  // Its standard error, until it is ready.
};

Result<Channel> make_channel() {
  std::array<int, 2> ends{};
  Channel channel;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return failed("make a socket pair");
  channel.ours = Fd(ends[0]);
  channel.its = Fd(ends[1]);
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return failed("make a pipe");
  channel.words = Fd(ends[0]);
  channel.its_words = Fd(ends[1]);
  if (!lift(channel.its) || !lift(channel.its_words)) return failed("number a descriptor");
  return channel;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

std::string last_line(const Fd& words) {
  std::array<char, limits::kStderrTailBytes> buffer;
  const ssize_t got = ::read(words.get(), buffer.data(), buffer.size());
  std::string text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

ExitStatus to_exit_status(int status) {
  ExitStatus exit;
  if (WIFSIGNALED(status)) {
    exit.signal = WTERMSIG(status);
  } else {
    exit.code = WEXITSTATUS(status);
  }
  return exit;
}

}  // namespace

Result<std::unique_ptr<ZygoteProcess>> ZygoteProcess::start(const std::string& python,
                                                            const std::vector<std::string>& preload) {
  auto channel = make_channel();
  if (!channel) return std::move(channel).error();
  auto source = source_file();
  if (!source) return std::move(source).error();
  if (!lift(*source)) return failed("number a descriptor");
  SpawnPlan plan;
  plan.pass(*source, STDIN_FILENO);
  plan.pass(channel->its_words, STDOUT_FILENO);
  plan.pass(channel->its_words, STDERR_FILENO);
  plan.pass(channel->its, kControlFd);
  pid_t pid = -1;
  const int error = plan.spawn(python, {python, "-I", "-", std::to_string(::getpid()), joined(preload)}, pid);
  if (error != 0) return failed("start a zygote of " + python, error);
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  std::unique_ptr<ZygoteProcess> zygote(new ZygoteProcess(pid, std::move(pidfd), std::move(channel->ours)));
  channel->its.reset();
  channel->its_words.reset();
  auto hello = zygote->receive(limits::kZygoteStartTimeMax);
  if (!hello || (*hello)[0] != 'H') {
    const std::string words = last_line(channel->words);
    return Error{ErrorCode::spawn_failed, "the zygote of " + python + " does not start: " +
                                              (words.empty() ? std::string("it says nothing") : words)};
  }
  zygote->missing_modules_ = hello->substr(1);
  return zygote;
}

ZygoteProcess::ZygoteProcess(int pid, Fd pidfd, Fd control)
    : pid_(pid), pidfd_(std::move(pidfd)), control_(std::move(control)) {}

ZygoteProcess::~ZygoteProcess() {
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> ZygoteProcess::send(const std::string& message, const Passed& descriptors) {
  iovec part{.iov_base = const_cast<char*>(message.data()), .iov_len = message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * limits::kZygoteDescriptorsMax)> space{};
  if (!descriptors.empty()) {
    SK_CHECK(descriptors.size() <= limits::kZygoteDescriptorsMax);
    const std::size_t bytes = descriptors.size() * sizeof(int);
    header.msg_control = space.data();
    header.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    unsigned char* place = CMSG_DATA(rights);
    for (const auto& [name, fd] : descriptors) {
      std::memcpy(place, &fd, sizeof fd);
      place += sizeof fd;
    }
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(control_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent == static_cast<ssize_t>(message.size())) return {};
  broken_ = true;
  return failed("ask the zygote");
}

Result<std::string> ZygoteProcess::receive(std::chrono::milliseconds time) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + time;
  pollfd wait{control_.get(), POLLIN, 0};
  int ready = -1;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    ready = ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
  } while (ready < 0 && errno == EINTR);
  std::array<char, limits::kZygoteAnswerBytesMax> buffer;
  const ssize_t got = ready == 1 ? ::recv(control_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) : 0;
  if (got > 0) return std::string(buffer.data(), static_cast<std::size_t>(got));
  broken_ = true;
  return Error{ErrorCode::spawn_failed, ready == 0 ? "the zygote does not answer" : "the zygote is gone"};
}

Result<std::string> ZygoteProcess::ask(const std::string& message, const Passed& descriptors) {
  if (broken_) return Error{ErrorCode::spawn_failed, "the zygote is broken"};
  if (auto sent = send(message, descriptors); !sent) return std::move(sent).error();
  return receive(limits::kZygoteAnswerTimeMax);
}

Result<int> ZygoteProcess::fork(const Passed& descriptors) {
  std::string message = "F";
  for (const auto& [name, fd] : descriptors) message += name;
  const auto answer = ask(message, descriptors);
  if (!answer) return answer.error();
  if (const auto child = parse<NumberAnswer>(*answer, 'P'); child && child->number > 1) return child->number;
  broken_ = true;  // Also when it refuses: with a second thread it will refuse for ever.
  const auto refused = parse<NumberAnswer>(*answer, 'E');
  if (refused) return failed("fork the zygote", refused->number);
  return Error{ErrorCode::spawn_failed, "the zygote answers with something else"};
}

void ZygoteProcess::sweep(int leader) noexcept {
  const auto answer = ask(command('K', leader), {});
  if (answer && *answer != "K") broken_ = true;
}

std::optional<ProcessEnd> ZygoteProcess::reap(int leader) noexcept {
  const auto answer = ask(command('R', leader), {});
  if (!answer) return std::nullopt;
  const auto reaped = parse<ReapAnswer>(*answer, 'W');
  if (!reaped || reaped->cpu_us < 0 || reaped->rss_kib < 0) {
    broken_ = true;
    return std::nullopt;
  }
  ProcessEnd end{.exit = to_exit_status(reaped->status), .usage = {}};
  end.usage.cpu = std::chrono::microseconds(reaped->cpu_us);
  end.usage.max_rss_bytes = static_cast<std::uint64_t>(reaped->rss_kib) * limits::kKiB;
  return end;
}

std::uint64_t ZygoteProcess::rss_bytes() const noexcept {
  std::array<char, 128> text{};
  const std::string path = "/proc/" + std::to_string(pid_) + "/statm";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  unsigned long long size = 0;
  unsigned long long resident = 0;
  if (std::sscanf(text.data(), "%llu %llu", &size, &resident) != 2) return 0;  // NOLINT(cert-err34-c)
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace skillscale
