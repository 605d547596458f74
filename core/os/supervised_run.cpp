#include "os/supervised_run.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <limits>
#include <optional>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"

namespace skillscale {
namespace {

using std::chrono::steady_clock;

// A child that closes its stdin early must not kill us, whatever this process
// does about SIGPIPE elsewhere. The signal goes to the writing thread: it is
// blocked during the run and one that we caused is taken back.
class SigpipeHeld {
 public:
  SigpipeHeld() noexcept {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    SK_CHECK(pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_) == 0);
  }
  ~SigpipeHeld() {
    const timespec at_once{};
    if (caused_ && !was_pending_) sigtimedwait(&sigpipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeHeld(const SigpipeHeld&) = delete;
  SigpipeHeld& operator=(const SigpipeHeld&) = delete;

  void caused() noexcept { caused_ = true; }

 private:
  sigset_t sigpipe_;
  sigset_t before_;
  bool was_pending_ = false;
  bool caused_ = false;
};

// One output pipe of the child and what is kept of it.
class Capture {
 public:
  Capture(Fd fd, std::size_t bytes_max, std::size_t tail_bytes_max)
      : fd_(std::move(fd)), bytes_max_(bytes_max), tail_bytes_max_(tail_bytes_max) {}

  int fd() const noexcept { return fd_.get(); }
  bool at_end() const noexcept { return !fd_; }
  std::size_t total_bytes() const noexcept { return total_bytes_; }

  // Takes what the pipe holds, at most one buffer of it.
  void read_some() {
    std::array<char, limits::kPipeReadBytes> buffer;
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got > 0) return keep({buffer.data(), static_cast<std::size_t>(got)});
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    fd_.reset();
  }

  CapturedOutput take_output() { return {std::move(bytes_), truncated_}; }

  std::string take_tail() {
    trim_tail(tail_bytes_max_);
    return std::move(tail_);
  }

 private:
  void keep(std::string_view chunk) {
    total_bytes_ += chunk.size();
    const std::size_t room = bytes_max_ - bytes_.size();
    bytes_.append(chunk.substr(0, room));
    truncated_ = truncated_ || chunk.size() > room;
    tail_.append(chunk.substr(chunk.size() - std::min(chunk.size(), tail_bytes_max_)));
    if (tail_.size() > 2 * tail_bytes_max_) trim_tail(tail_bytes_max_);
  }

  void trim_tail(std::size_t bytes) {
    if (tail_.size() > bytes) tail_.erase(0, tail_.size() - bytes);
  }

  Fd fd_;
  const std::size_t bytes_max_;
  const std::size_t tail_bytes_max_;
  std::string bytes_;
  std::string tail_;
  std::size_t total_bytes_ = 0;
  bool truncated_ = false;
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
  Supervision(ChildProcess child, std::string_view input, const RunLimits& limits, int cancel_fd)
      : child_(std::move(child)),
        input_(input),
        limits_(limits),
        cancel_fd_(cancel_fd),
        started_(steady_clock::now()),
        out_(child_.take_stdout(), limits.stdout_bytes_max, 0),
        err_(child_.take_stderr(), limits.stderr_bytes_max, limits::kStderrTailBytes),
        alarm_(started_ + limits.timeout) {}

  RunOutcome run() {
    if (input_.empty()) child_.close_stdin();
    while (!is_over()) step();
    const auto status = child_.try_reap();
    SK_CHECK(status);  // Draining begins with the exit.
    outcome_.exit = *status;
    outcome_.out = out_.take_output();
    outcome_.err = err_.take_output();
    outcome_.stderr_tail = err_.take_tail();
    return std::move(outcome_);
  }

 private:
  enum class Phase { running, stopping, killed, draining, over };

  bool is_over() const {
    return phase_ == Phase::over || (phase_ == Phase::draining && out_.at_end() && err_.at_end());
  }

  void step() {
    enum : std::size_t { kExit, kCancel, kStdin, kStdout, kStderr, kCount };
    std::array<pollfd, kCount> waits{};
    waits[kExit] = {phase_ == Phase::draining ? -1 : child_.exit_fd(), POLLIN, 0};
    waits[kCancel] = {phase_ == Phase::running ? cancel_fd_ : -1, POLLIN, 0};
    waits[kStdin] = {child_.stdin_fd(), POLLOUT, 0};
    waits[kStdout] = {out_.fd(), POLLIN, 0};
    waits[kStderr] = {err_.fd(), POLLIN, 0};
    if (::poll(waits.data(), waits.size(), poll_timeout(alarm_)) < 0) {
      SK_CHECK(errno == EINTR);
      return;
    }
    if (waits[kStdin].revents != 0) write_some();
    if (waits[kStdout].revents != 0) out_.read_some();
    if (waits[kStderr].revents != 0) err_.read_some();
    if (waits[kExit].revents != 0) on_exit();
    if (waits[kCancel].revents != 0) stop(RunOutcome::End::cancelled);
    if (std::max(out_.total_bytes(), err_.total_bytes()) > limits_.flood_bytes_max) on_flood();
    if (alarm_ && steady_clock::now() >= *alarm_) on_alarm();
  }

  void write_some() {
    const ssize_t written = ::write(child_.stdin_fd(), input_.data(), input_.size());
    if (written > 0) input_.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (written < 0 && errno == EPIPE) sigpipe_.caused();
    // A child that does not want its input is no error.
    if (written < 0 || input_.empty()) child_.close_stdin();
  }

  // The group dies before the leader is reaped: until then its id cannot mean
  // somebody else. What it has written is still in the pipes.
  void on_exit() {
    outcome_.run_time = steady_clock::now() - started_;
    child_.signal_group(SIGKILL);
    child_.close_stdin();
    phase_ = Phase::draining;
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
      case Phase::over:
        return;
    }
  }

  // An endless writer burns a core, so it gets no grace.
  void on_flood() {
    if (phase_ == Phase::running) outcome_.end = RunOutcome::End::flooded;
    if (phase_ == Phase::running || phase_ == Phase::stopping) kill();
  }

  void stop(RunOutcome::End why) {
    if (phase_ != Phase::running) return;
    outcome_.end = why;
    phase_ = Phase::stopping;
    alarm_ = steady_clock::now() + limits_.kill_grace;
    child_.signal_group(SIGTERM);
    child_.signal_group(SIGCONT);  // A stopped process could not obey.
  }

  // From here on only the exit ends the wait: nothing survives SIGKILL.
  void kill() {
    phase_ = Phase::killed;
    alarm_.reset();
    child_.signal_group(SIGKILL);
  }

  SigpipeHeld sigpipe_;
  ChildProcess child_;
  std::string_view input_;
  const RunLimits limits_;
  const int cancel_fd_;
  const SteadyTime started_;
  Capture out_;
  Capture err_;
  Phase phase_ = Phase::running;
  std::optional<SteadyTime> alarm_;  // When the phase ends by itself.
  RunOutcome outcome_;
};

}  // namespace

Result<RunOutcome> run_supervised(const ChildSpec& spec, std::string_view input, const RunLimits& limits,
                                  int cancel_fd) {
  const SteadyTime before = steady_clock::now();
  auto child = ChildProcess::launch(spec);
  if (!child) return child.error();
  const std::chrono::nanoseconds spawn_time = steady_clock::now() - before;
  RunOutcome outcome = Supervision(*std::move(child), input, limits, cancel_fd).run();
  outcome.spawn_time = spawn_time;
  return outcome;
}

}  // namespace skillscale
