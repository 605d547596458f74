#include "os/supervised_run.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>
#include <optional>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "os/sigpipe.h"
#include "os/tree_usage.h"

namespace skillscale {
namespace {

using std::chrono::steady_clock;

// One output pipe of the child and what is kept of it.
class Capture {
 public:
  Capture(Fd fd, std::size_t bytes_max, std::size_t tail_bytes_max)
      : fd_(std::move(fd)), kept_(bytes_max, tail_bytes_max) {}

  int fd() const noexcept { return fd_.get(); }
  bool at_end() const noexcept { return !fd_; }
  std::uint64_t total_bytes() const noexcept { return kept_.total_bytes(); }

  // Takes what the pipe holds, at most one buffer of it. Returns what is kept of that.
  std::string_view read_some() { return kept_.read_some(fd_); }

  CapturedOutput take_output() { return kept_.take_output(); }
  std::string take_tail() { return kept_.take_tail(); }

 private:
  Fd fd_;
  KeptOutput kept_;
};

// The child's event pipe, line by line. What was read stays here while nobody has room for it.
class EventLines {
 public:
  EventLines(Fd fd, std::size_t line_bytes_max) : fd_(std::move(fd)), line_bytes_max_(line_bytes_max) {}

  int fd() const noexcept { return fd_.get(); }
  bool at_end() const noexcept { return !fd_ && unread_.empty(); }
  std::uint64_t dropped() const noexcept { return dropped_; }

  void read_some() {
    std::array<char, limits::kPipeReadBytes> buffer;
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got > 0) {
      unread_.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      fd_.reset();
      if (!unread_.empty() || too_long_) unread_ += '\n';  // The last line needs no newline.
    }
  }

  // Hands on whole lines as long as there is room.
  void deliver(RunObserver* observer) {
    std::size_t begin = 0;
    while (observer == nullptr || observer->has_room()) {
      const std::size_t end = unread_.find('\n', begin);
      if (end == std::string::npos) break;
      take({unread_.data() + begin, end - begin}, observer);
      begin = end + 1;
    }
    unread_.erase(0, begin);
    if (unread_.size() > line_bytes_max_ && unread_.find('\n') == std::string::npos) {
      unread_.clear();
      too_long_ = true;  // Its rest is to come.
    }
  }

  // Nobody will have room any more.
  void drop_rest() {
    dropped_ += static_cast<std::uint64_t>(std::count(unread_.begin(), unread_.end(), '\n'));
    unread_.clear();
    fd_.reset();
  }

 private:
  void take(std::string_view line, RunObserver* observer) {
    if (too_long_ || line.size() > line_bytes_max_) {
      too_long_ = false;
      ++dropped_;
    } else if (!line.empty() && observer != nullptr) {
      observer->on_event_line(line);
    }
  }

  Fd fd_;
  const std::size_t line_bytes_max_;
  std::string unread_;
  bool too_long_ = false;
  std::uint64_t dropped_ = 0;
};

// Milliseconds until `time`, rounded up so that poll never returns just before it.
int poll_timeout(std::optional<SteadyTime> time) {
  if (!time) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*time - steady_clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
}

// The life of one run: running -> (stopping -> killed ->) draining -> over.
class Supervision {
 public:
  Supervision(std::unique_ptr<RunningProcess> process, std::string_view input, const RunLimits& limits, int cancel_fd,
              RunObserver* observer)
      : process_(std::move(process)),
        pipes_(process_->pipes()),
        input_(input),
        limits_(limits),
        cancel_fd_(cancel_fd),
        observer_(observer),
        started_(steady_clock::now()),
        out_(std::move(pipes_.out), limits.stdout_bytes_max, 0),
        err_(std::move(pipes_.err), limits.stderr_bytes_max, limits::kStderrTailBytes),
        result_(std::move(pipes_.result), limits.result_bytes_max, 0),
        events_(std::move(pipes_.events), limits.event_line_bytes_max),
        alarm_(started_ + limits.timeout) {}

  RunOutcome run() {
    if (input_.empty()) pipes_.in.reset();
    if (limits_.is_watched()) watch_ = started_ + limits::kTreeWatchInterval;
    while (!is_over()) step();
    take_rest();
    const auto end = process_->try_reap();
    SK_CHECK(end);  // Draining begins with the exit.
    judge(*end);
    outcome_.out_bytes_total = out_.total_bytes();
    outcome_.err_bytes_total = err_.total_bytes();
    outcome_.event_lines_dropped = events_.dropped();
    outcome_.out = out_.take_output();
    outcome_.err = err_.take_output();
    outcome_.result = result_.take_output();
    outcome_.stderr_tail = err_.take_tail();
    return std::move(outcome_);
  }

 private:
  enum class Phase { running, stopping, killed, draining, over };

  bool is_over() const {
    return phase_ == Phase::over ||
           (phase_ == Phase::draining && out_.at_end() && err_.at_end() && result_.at_end() && events_.at_end());
  }

  void step() {
    enum : std::size_t { kExit, kCancel, kStdin, kStdout, kStderr, kEvents, kResult, kRoom, kCount };
    events_.deliver(observer_);
    const bool room = observer_ == nullptr || observer_->has_room();
    std::array<pollfd, kCount> waits{};
    waits[kExit] = {phase_ == Phase::draining ? -1 : process_->exit_fd(), POLLIN, 0};
    waits[kCancel] = {phase_ == Phase::running ? cancel_fd_ : -1, POLLIN, 0};
    waits[kStdin] = {pipes_.in.get(), POLLOUT, 0};
    waits[kStdout] = {room ? out_.fd() : -1, POLLIN, 0};
    waits[kStderr] = {room ? err_.fd() : -1, POLLIN, 0};
    waits[kEvents] = {room ? events_.fd() : -1, POLLIN, 0};
    waits[kResult] = {result_.fd(), POLLIN, 0};
    waits[kRoom] = {room ? -1 : observer_->room_fd(), POLLIN, 0};
    if (is_over()) return;  // The last events have been taken.
    if (::poll(waits.data(), waits.size(), poll_timeout(next_moment())) < 0) {
      SK_CHECK(errno == EINTR);
      return;
    }
    if (waits[kStdin].revents != 0) write_some();
    if (waits[kStdout].revents != 0) read_some(out_, OutputStream::out);
    if (waits[kStderr].revents != 0) read_some(err_, OutputStream::err);
    if (waits[kEvents].revents != 0) events_.read_some();
    if (waits[kResult].revents != 0) result_.read_some();
    if (waits[kExit].revents != 0) on_exit();
    if (waits[kCancel].revents != 0) stop(RunOutcome::End::cancelled);
    if (is_flooded()) kill_for(RunOutcome::End::flooded);
    if (watch_ && steady_clock::now() >= *watch_) look_at_the_tree();
    if (alarm_ && steady_clock::now() >= *alarm_) on_alarm();
  }

  std::optional<SteadyTime> next_moment() const {
    if (!watch_ || !alarm_) return alarm_ ? alarm_ : watch_;
    return std::min(*watch_, *alarm_);
  }

  void look_at_the_tree() {
    if (phase_ != Phase::running && phase_ != Phase::stopping) return watch_.reset();
    const TreeUsage tree = process_->usage_now();
    largest_bytes_ = std::max(largest_bytes_, tree.largest_bytes);
    if (const auto end = past_limits(tree, limits_)) return kill_for(*end);
    // A machine with very many processes or files must not be looked at all the time.
    watch_ = steady_clock::now() + limits::kTreeWatchInterval;
  }

  void write_some() {
    const ssize_t written = ::write(pipes_.in.get(), input_.data(), input_.size());
    if (written > 0) input_.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // A child that does not want its input is no error.
    if (written < 0 || input_.empty()) pipes_.in.reset();
  }

  void read_some(Capture& capture, OutputStream stream) {
    const std::string_view kept = capture.read_some();
    if (observer_ != nullptr && !kept.empty()) observer_->on_output(stream, kept);
  }

  bool is_flooded() const {
    return std::max(out_.total_bytes(), err_.total_bytes()) > limits_.flood_bytes_max ||
           result_.total_bytes() > limits_.result_bytes_max;
  }

  // The tree dies before the leader is reaped: until then its id cannot mean
  // somebody else. What it has written is still in the pipes.
  void on_exit() {
    outcome_.run_time = steady_clock::now() - started_;
    process_->signal_tree(SIGKILL);
    pipes_.in.reset();
    phase_ = Phase::draining;
    watch_.reset();
    alarm_ = steady_clock::now() + limits_.drain_grace;
  }

  void on_alarm() {
    switch (phase_) {
      case Phase::running:
        return stop(RunOutcome::End::timed_out);
      case Phase::stopping:
        return kill();
      case Phase::draining:
        phase_ = Phase::over;  // Whoever still holds the pipes is not waited for.
        return;
      case Phase::killed:
        return kill();
      case Phase::over:
        return;
    }
  }

  // An endless writer burns a core and a hog takes the machine's memory: no grace.
  void kill_for(RunOutcome::End why) {
    if (phase_ == Phase::running) outcome_.end = why;
    if (phase_ == Phase::running || phase_ == Phase::stopping) kill();
  }

  void stop(RunOutcome::End why) {
    if (phase_ != Phase::running) return;
    outcome_.end = why;
    phase_ = Phase::stopping;
    alarm_ = steady_clock::now() + limits_.kill_grace;
    process_->signal_tree(SIGTERM);
    process_->signal_tree(SIGCONT);  // A stopped process could not obey.
  }

  // From here on only the exit ends the wait: nothing survives SIGKILL.
  void kill() {
    phase_ = Phase::killed;
    alarm_ = steady_clock::now() + limits::kKillRepeatInterval;
    watch_.reset();
    process_->signal_tree(SIGKILL);
  }

  // When the observer had no room to the end, it and the reply still get what the pipes hold.
  void take_rest() {
    const auto take_all = [this](Capture& capture, OutputStream stream) {
      for (int i = 0; i < limits::kPipeRestReadsMax && !capture.at_end(); ++i) {
        const std::uint64_t before = capture.total_bytes();
        read_some(capture, stream);
        if (capture.total_bytes() == before) break;
      }
    };
    take_all(out_, OutputStream::out);
    take_all(err_, OutputStream::err);
    if (!events_.at_end()) {
      events_.read_some();
      events_.deliver(observer_);
      events_.drop_rest();
    }
    if (observer_ != nullptr && events_.dropped() > 0) observer_->on_lines_dropped(events_.dropped());
  }

  void judge(const ProcessEnd& end) {
    outcome_.exit = end.exit;
    outcome_.usage = end.usage;
    // Half of a result is none, also when the rest came after the exit.
    if (outcome_.end == RunOutcome::End::exited && result_.total_bytes() > limits_.result_bytes_max) {
      outcome_.end = RunOutcome::End::flooded;
    }
    // Too small to be told from our own size by the kernel: what was seen of it.
    if (outcome_.usage.max_rss_bytes == 0) outcome_.usage.max_rss_bytes = largest_bytes_;
    if (outcome_.end == RunOutcome::End::exited && end.out_of_memory) outcome_.end = RunOutcome::End::out_of_memory;
    if (outcome_.end == RunOutcome::End::exited && end.exit.signal == SIGXCPU) {
      outcome_.end = RunOutcome::End::timed_out;
      outcome_.cpu_limit = true;
    }
  }

  const SigpipeHeld sigpipe_;  // The child may close its stdin early.
  const std::unique_ptr<RunningProcess> process_;
  ProcessPipes& pipes_;
  std::string_view input_;
  const RunLimits& limits_;
  const int cancel_fd_;
  RunObserver* const observer_;
  const SteadyTime started_;
  Capture out_;
  Capture err_;
  Capture result_;
  EventLines events_;
  Phase phase_ = Phase::running;
  std::optional<SteadyTime> alarm_;  // When the phase ends by itself.
  std::optional<SteadyTime> watch_;  // When the tree is looked at next.
  std::uint64_t largest_bytes_ = 0;
  RunOutcome outcome_;
};

}  // namespace

std::optional<RunOutcome::End> past_limits(const TreeUsage& tree, const RunLimits& limits) {
  const auto over = [](std::uint64_t used, std::uint64_t bound) { return bound != 0 && used > bound; };
  if (over(tree.memory_bytes, limits.tree_memory_bytes_max)) return RunOutcome::End::out_of_memory;
  if (over(tree.processes, limits.processes_max)) return RunOutcome::End::too_many_processes;
  if (!limits.watches_folder()) return std::nullopt;
  const FolderUsage folder = folder_usage(limits.folder, limits.folder_bytes_max, limits.folder_files_max);
  const bool too_large = over(folder.bytes, limits.folder_bytes_max) || over(folder.files, limits.folder_files_max);
  return too_large ? std::optional(RunOutcome::End::folder_too_large) : std::nullopt;
}

Result<RunOutcome> run_supervised(std::unique_ptr<RunningProcess> process, std::string_view input,
                                  const RunLimits& limits, int cancel_fd, RunObserver* observer) {
  return Supervision(std::move(process), input, limits, cancel_fd, observer).run();
}

Result<RunOutcome> run_supervised(const ChildSpec& spec, std::string_view input, const RunLimits& limits, int cancel_fd,
                                  RunObserver* observer) {
  const SteadyTime before = steady_clock::now();
  auto process = ChildProcess::launch(spec);
  if (!process) return std::move(process).error();
  const std::chrono::nanoseconds spawn_time = steady_clock::now() - before;
  auto outcome = run_supervised(*std::move(process), input, limits, cancel_fd, observer);
  if (outcome) outcome->spawn_time = spawn_time;
  return outcome;
}

}  // namespace skillscale
