#include "engine/zygote.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "daemon/logging.h"
#include "engine/credentials.h"
#include "os/guardian.h"
#include "os/run_cgroup.h"
#include "os/seccomp_filter.h"
#include "skills/python_command.h"

namespace skillscale {
namespace {

using std::chrono::steady_clock;

Error failed(std::string_view doing, int error = errno) {
  return Error::from_errno(ErrorCode::spawn_failed, doing, error);
}

bool is_readable(const Fd& fd, std::chrono::milliseconds time) noexcept {
  pollfd wait{fd.get(), POLLIN, 0};
  const SteadyTime deadline = steady_clock::now() + time;
  int ready = -1;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    ready = ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
  } while (ready < 0 && errno == EINTR);
  return ready == 1;
}

// What the forked child reads; the Python class Run is its other half.
class Encoded {
 public:
  explicit Encoded(std::size_t text_bytes) { texts_.reserve(text_bytes); }  // Grown, it would leave copies behind.
  ~Encoded() { wipe(texts_); }
  Encoded(const Encoded&) = delete;
  Encoded& operator=(const Encoded&) = delete;

  void number(std::uint64_t value) {
    append(numbers_, value);
    ++number_count_;
  }
  void number(std::optional<std::uint64_t> value) { number(value.value_or(kAsItIs)); }
  void text(std::string_view value) {
    append(texts_, static_cast<std::uint32_t>(value.size()));
    texts_.append(value);
    ++text_count_;
  }
  std::string take() {
    std::string bytes;
    bytes.reserve(2 * sizeof(number_count_) + numbers_.size() + texts_.size());
    append(bytes, number_count_);
    bytes += numbers_;
    append(bytes, text_count_);
    return bytes += texts_;
  }

 private:
  static constexpr std::uint64_t kAsItIs = ~std::uint64_t{0};  // -1 for the other side.
  template <typename Number>
  static void append(std::string& bytes, Number value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));  // Both sides are one machine.
  }

  std::string numbers_, texts_;
  std::uint32_t number_count_ = 0;
  std::uint32_t text_count_ = 0;
};

// The run's own filter, which also keeps it from the zygote; empty: it has none.
std::string filter_for(const Confinement& confinement, int zygote) {
  if (confinement.seccomp == nullptr) return {};
  const auto* const instructions = reinterpret_cast<const char*>(confinement.seccomp->filter);
  return protecting_prefix(zygote).append(instructions, confinement.seccomp->len * sizeof(sock_filter));
}

std::size_t text_bytes(const ChildSpec& spec, std::size_t filter_bytes) {
  std::size_t bytes = spec.working_folder.size() + filter_bytes + limits::kKiB;
  for (const auto* texts : {&spec.argv, &spec.environment}) {
    for (const std::string& text : *texts) bytes += text.size() + sizeof(std::uint32_t);
  }
  return bytes;
}

// What an argument or variable says may be secret: the caller wipes it.
std::string encode(const ChildSpec& spec, const PythonCommand& command, int zygote) {
  const Confinement none;
  const Confinement* const confined = confinement_of(spec);
  const Confinement& confinement = confined == nullptr ? none : *confined;
  const ResourceLimits& limits = confinement.limits;
  const std::string filter = filter_for(confinement, zygote);
  Encoded encoded(text_bytes(spec, filter.size()));
  encoded.number(confinement.drop_capabilities ? 1U : 0U);
  encoded.number(confinement.no_new_privileges ? 1U : 0U);
  encoded.number(confined == nullptr ? 0U : 1U);
  encoded.number(limits.memory_bytes);
  encoded.number(limits.cpu ? std::optional(static_cast<std::uint64_t>(limits.cpu->count())) : std::nullopt);
  encoded.number(limits.file_bytes);
  encoded.number(limits.open_files);
  encoded.number(std::uint64_t{command.arguments.size()});
  switch (command.kind) {
    case PythonCommand::Kind::script:
      encoded.text("script");
      break;
    case PythonCommand::Kind::module:
      encoded.text("module");
      break;
    case PythonCommand::Kind::code:
      encoded.text("code");
      break;
  }
  encoded.text(command.target);
  encoded.text(command.flags);
  encoded.text(spec.working_folder);
  encoded.text(filter);
  for (const std::string& argument : command.arguments) encoded.text(argument);
  for (const std::string& variable : spec.environment) encoded.text(variable);
  return encoded.take();
}

Result<Fd> in_memory(const std::string& bytes) {
  Fd file(::memfd_create("skillscale-run", MFD_CLOEXEC));
  if (!file) return failed("make a file in memory");
  if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    return failed("write what to run");
  }
  return file;
}

// The descriptors of one run: ours, and those that the child gets.
struct Descriptors {
  ProcessPipes ours;
  Fd report;  // Where the child says that it is about to run the script.
  std::vector<Fd> childs;
  ZygoteProcess::Passed passed;  // Their letters.

  Result<void> add_pipe(char letter, Fd& our_end) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("make a pipe");
    Fd read_end(ends[0]);
    Fd write_end(ends[1]);
    const bool child_reads = letter == '0';
    our_end = std::move(child_reads ? write_end : read_end);
    pass(letter, std::move(child_reads ? read_end : write_end));
    if (::fcntl(our_end.get(), F_SETFL, O_NONBLOCK) != 0) return failed("make a pipe non-blocking");
    return {};
  }
  void pass(char letter, Fd fd) {
    passed.emplace_back(letter, fd.get());
    childs.push_back(std::move(fd));
  }
  void lend(char letter, int fd) {
    if (fd >= 0) passed.emplace_back(letter, fd);
  }
};

Result<Descriptors> make_descriptors(const ChildSpec& spec, const PythonCommand& command, int zygote) {
  Descriptors descriptors;
  std::string bytes = encode(spec, command, zygote);
  auto file = in_memory(bytes);
  wipe(bytes);
  if (!file) return std::move(file).error();
  descriptors.pass('s', *std::move(file));
  ProcessPipes& ours = descriptors.ours;
  std::vector<std::pair<char, Fd*>> pipes{
      {'r', &descriptors.report}, {'0', &ours.in}, {'1', &ours.out}, {'2', &ours.err}};
  if (spec.events) pipes.emplace_back('3', &ours.events);
  if (spec.result) pipes.emplace_back('4', &ours.result);
  for (const auto& [letter, our_end] : pipes) {
    if (auto added = descriptors.add_pipe(letter, *our_end); !added) return std::move(added).error();
  }
  if (spec.confinement != nullptr) descriptors.lend('l', spec.confinement->landlock_ruleset);
  if (const Guardian* guardian = guardian_of(spec.leash)) descriptors.lend('g', guardian->fd());
  if (const RunCgroup* cgroup = cgroup_of(spec.leash)) descriptors.lend('c', cgroup->procs_fd());
  return descriptors;
}

// "0", or the errno and the step that failed.
Result<void> read_report(const Fd& report, const ChildSpec& spec) {
  std::array<char, limits::kZygoteReportBytesMax> buffer;
  if (!is_readable(report, limits::kZygoteAnswerTimeMax)) {
    return Error{ErrorCode::spawn_failed, "the forked process does not get ready for " + spec.program};
  }
  const ssize_t got = ::read(report.get(), buffer.data(), buffer.size());
  const std::string_view text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (text == "0") return {};
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number <= 0) {
    return Error{ErrorCode::spawn_failed, "the forked process ended before it began " + spec.program};
  }
  const std::string_view step = text.substr(static_cast<std::size_t>(end - text.data()));
  return failed(std::string(step.substr(std::min<std::size_t>(step.size(), 1))) + " for " + spec.program, number);
}

}  // namespace

std::string_view name_of(RecycleReason reason) noexcept {
  switch (reason) {
    case RecycleReason::runs:
      return "runs";
    case RecycleReason::memory:
      return "memory";
    case RecycleReason::age:
      return "age";
    case RecycleReason::stopped_run:
      return "stopped_run";
    case RecycleReason::failure:
      break;
  }
  return "failure";
}

struct Zygote::Waiting {
  std::unique_ptr<ZygoteProcess> process;
  SteadyTime started;
  std::size_t runs = 0;
  bool has_run = false;      // Not reaped yet.
  bool stopped_run = false;  // A run was signalled before its end.
};

// A forked run. The zygote is its parent and reaps it when asked, so its id stays
// reserved until then, and the order exit, kill, drain, reap is that of every run.
class Zygote::Run final : public RunningProcess {
 public:
  Run(std::shared_ptr<Waiting> zygote, int pid, Fd pidfd, ProcessPipes pipes, const RunLeash* leash)
      : zygote_(std::move(zygote)), pid_(pid), pidfd_(std::move(pidfd)), leash_(leash), pipes_(std::move(pipes)) {
    zygote_->has_run = true;
    if (const RunCgroup* cgroup = cgroup_of(leash_)) out_of_memory_kills_ = cgroup->out_of_memory_kills();
  }
  ~Run() override {
    if (reaped_) return;
    signal_tree(SIGKILL);
    is_readable(pidfd_, limits::kZygoteAnswerTimeMax);
    reap();
  }

  int pid() const noexcept override { return pid_; }
  int exit_fd() const noexcept override { return pidfd_.get(); }
  ProcessPipes& pipes() noexcept override { return pipes_; }

  void signal_tree(int signal) noexcept override {
    if (reaped_) return;
    if (!zygote_->stopped_run && !has_exited()) zygote_->stopped_run = true;
    RunCgroup* const cgroup = cgroup_of(leash_);
    if (cgroup != nullptr && signal == SIGKILL) cgroup->kill();
    const bool reached = ::kill(-pid_, signal) == 0;
    if (reached && signal != SIGKILL) return;
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
    if (signal != SIGKILL) return;
    const bool may_come_loose = leash_ == nullptr || leash_->strategy == KillStrategy::group;
    if (may_come_loose) zygote_->process->sweep(pid_);
  }

  std::optional<ProcessEnd> try_reap() noexcept override {
    if (reaped_ || !has_exited()) return std::nullopt;
    signal_tree(SIGKILL);
    return reap();
  }

 private:
  bool has_exited() const noexcept { return is_readable(pidfd_, std::chrono::milliseconds(0)); }

  // When the zygote is gone, so is its child, and nobody knows how it ended.
  ProcessEnd reap() noexcept {
    reaped_ = true;
    zygote_->has_run = false;
    // As in ChildProcess: only until it is reaped does the id mean this run for sure.
    RunCgroup* const cgroup = cgroup_of(leash_);
    if (cgroup != nullptr) cgroup->wait_until_empty();
    if (Guardian* guardian = guardian_of(leash_)) guardian->release(pid_);
    auto end = zygote_->process->reap(pid_).value_or(ProcessEnd{.exit = {.code = {}, .signal = SIGKILL}, .usage = {}});
    end.out_of_memory = cgroup != nullptr && cgroup->out_of_memory_kills() > out_of_memory_kills_;
    return end;
  }

  const std::shared_ptr<Waiting> zygote_;
  const int pid_;
  const Fd pidfd_;
  const RunLeash* const leash_;
  std::uint64_t out_of_memory_kills_ = 0;  // Of its control group, before it.
  bool reaped_ = false;
  ProcessPipes pipes_;
};

Zygote::Zygote(std::string python, ZygoteSettings settings, const Clock& clock)
    : python_(std::move(python)), settings_(std::move(settings)), clock_(clock), not_before_(clock.steady_now()) {}

Zygote::~Zygote() = default;

int Zygote::pid() const noexcept { return waiting_ ? waiting_->process->pid() : -1; }

void Zygote::recycle(RecycleReason reason) {
  waiting_.reset();
  ++counters_.recycled[static_cast<std::size_t>(reason)];
  log::debug("a waiting interpreter is replaced", {{"python", python_}, {"reason", name_of(reason)}});
}

Result<void> Zygote::start() {
  const SteadyTime now = clock_.steady_now();
  if (now < not_before_) return Error{ErrorCode::spawn_failed, "the last start of a zygote failed; trying again later"};
  auto process = ZygoteProcess::start(python_, settings_.preload);
  if (!process) {
    ++counters_.start_failures;
    const auto factor = std::int64_t{1} << std::min<std::size_t>(failures_++, 10);
    not_before_ = now + std::min(limits::kZygoteRetry * factor, limits::kZygoteRetryMax);
    log::warn("Python runs start cold for a while", {{"python", python_}, {"problem", process.error().detail}});
    return std::move(process).error();
  }
  ++counters_.starts;
  const std::string& missing = (*process)->missing_modules();
  if (!missing.empty() && counters_.starts == 1) {
    log::warn("modules that cannot be imported ahead of runs", {{"python", python_}, {"modules", missing}});
  }
  waiting_ = std::make_shared<Waiting>();
  waiting_->process = *std::move(process);
  waiting_->started = now;
  return {};
}

Result<void> Zygote::make_ready() {
  if (waiting_ && waiting_->has_run) return Error{ErrorCode::spawn_failed, "the zygote still has a run"};
  if (waiting_) {
    const Waiting& waiting = *waiting_;
    if (waiting.process->broken()) {
      recycle(RecycleReason::failure);
    } else if (waiting.stopped_run) {
      recycle(RecycleReason::stopped_run);
    } else if (waiting.runs >= settings_.runs_max) {
      recycle(RecycleReason::runs);
    } else if (clock_.steady_now() - waiting.started > settings_.age_max) {
      recycle(RecycleReason::age);
    } else if (waiting.runs % limits::kZygoteRssCheckRuns == 1 &&
               waiting.process->rss_bytes() > settings_.rss_bytes_max) {
      recycle(RecycleReason::memory);
    }
  }
  return waiting_ ? Result<void>() : start();
}

Result<std::unique_ptr<RunningProcess>> Zygote::launch(const ChildSpec& spec) {
  if (spec.program != python_) return Error{ErrorCode::not_allowed, "the program is another one"};
  const auto command = to_python_command(spec);
  if (!command) return command.error();
  if (auto ready = make_ready(); !ready) return std::move(ready).error();
  std::optional<Descriptors> descriptors;
  const auto fork = [&]() -> Result<int> {
    auto made = make_descriptors(spec, *command, waiting_->process->pid());
    if (!made) return std::move(made).error();
    descriptors.emplace(*std::move(made));
    ++waiting_->runs;
    auto child = waiting_->process->fork(descriptors->passed);
    if (!child) recycle(RecycleReason::failure);
    descriptors->childs.clear();
    return child;
  };
  auto pid = fork();
  // It may have died since its last run, through no fault of this one.
  if (!pid && !waiting_ && start()) pid = fork();
  if (!pid) return std::move(pid).error();
  failures_ = 0;
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  if (!pidfd) {
    Error error = failed("watch the forked process");
    ::kill(-*pid, SIGKILL);
    if (Guardian* guardian = guardian_of(spec.leash)) guardian->release(*pid);
    recycle(RecycleReason::failure);
    return error;
  }
  auto run = std::make_unique<Run>(waiting_, *pid, std::move(pidfd), std::move(descriptors->ours), spec.leash);
  if (auto report = read_report(descriptors->report, spec); !report) return std::move(report).error();
  ++counters_.runs;
  return std::unique_ptr<RunningProcess>(std::move(run));
}

}  // namespace skillscale
