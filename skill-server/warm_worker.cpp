#include "skill-server/warm_worker.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/limits.h"

namespace skillscale {
namespace {

using std::chrono::steady_clock;

struct __attribute__((packed)) RequestHeader {
  std::uint32_t bytes;
  std::uint64_t output_bytes_max;
};
struct __attribute__((packed)) AnswerHeader {
  std::int32_t status;
  std::int64_t cpu_us;
  std::int64_t rss_kib;
  std::uint64_t out_total, err_total;
  std::uint32_t result_bytes, out_bytes, err_bytes;
};

std::optional<AnswerHeader> header_of(const std::string& answer) {
  AnswerHeader header;
  if (answer.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, answer.data(), sizeof(header));
  return header;
}

std::size_t size_of(const AnswerHeader& header) {
  return sizeof(header) + std::size_t{header.result_bytes} + header.out_bytes + header.err_bytes;
}

bool is_plausible(const AnswerHeader& header, const RunLimits& limits) {
  return header.result_bytes <= limits.result_bytes_max && header.out_bytes <= limits.stdout_bytes_max &&
         header.err_bytes <= limits.stdout_bytes_max && header.out_bytes <= header.out_total &&
         header.err_bytes <= header.err_total && header.cpu_us >= 0 && header.rss_kib >= 0 && header.status >= 0 &&
         header.status <= 255;
}

// What programs print that the function starts goes nowhere, but must not make them wait.
void discard_some(Fd& fd) {
  std::array<char, limits::kPipeReadBytes> buffer;
  const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) fd.reset();
}

// A worker that dies while it is written to must not kill us, whatever this process
// does about SIGPIPE elsewhere.
class SigpipeBlocked {
 public:
  SigpipeBlocked() noexcept {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    SK_CHECK(pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_) == 0);
  }
  ~SigpipeBlocked() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    const timespec at_once{};
    while (sigtimedwait(&sigpipe_, nullptr, &at_once) == SIGPIPE) {  // One that we have caused.
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;

 private:
  sigset_t sigpipe_;
  sigset_t before_;
};

}  // namespace

WarmWorker::Event WarmWorker::wait(SteadyTime deadline, int cancel_fd) {
  ProcessPipes& pipes = process_->pipes();
  enum : std::size_t { kExit, kCancel, kIn, kResult, kOut, kErr, kCount };
  std::array<pollfd, kCount> waits{};
  waits[kExit] = {process_->exit_fd(), POLLIN, 0};
  waits[kCancel] = {cancel_fd, POLLIN, 0};
  waits[kIn] = {all_sent() ? -1 : pipes.in.get(), POLLOUT, 0};
  waits[kResult] = {pipes.result.get(), POLLIN, 0};
  waits[kOut] = {pipes.out.get(), POLLIN, 0};
  waits[kErr] = {pipes.err.get(), POLLIN, 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
  if (left <= 0) return Event::timed_out;
  const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::min<std::int64_t>(left, 1 << 30)));
  SK_CHECK(ready >= 0 || errno == EINTR);
  if (ready <= 0) return Event::progress;
  if (waits[kCancel].revents != 0) return Event::cancelled;
  for (const auto& [index, fd] : {std::pair{kOut, &pipes.out}, std::pair{kErr, &pipes.err}}) {
    if (waits[index].revents != 0) discard_some(*fd);
  }
  if (waits[kIn].revents != 0 && !send_some()) return Event::ended;
  if (waits[kExit].revents != 0 && waits[kResult].revents == 0) return Event::ended;
  return waits[kResult].revents != 0 ? Event::answered : Event::progress;
}

bool WarmWorker::send_some() {
  const ssize_t sent = ::write(process_->pipes().in.get(), request_.data() + sent_, request_.size() - sent_);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  sent_ += static_cast<std::size_t>(sent);
  return true;
}

// False: what comes is not an answer, or nothing more will come.
bool WarmWorker::receive_some(const RunLimits& limits) {
  std::array<char, limits::kPipeReadBytes> buffer;
  const ssize_t got = ::read(process_->pipes().result.get(), buffer.data(), buffer.size());
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  answer_.append(buffer.data(), static_cast<std::size_t>(got));
  const auto header = header_of(answer_);
  return !header || (is_plausible(*header, limits) && answer_.size() <= size_of(*header));
}

bool WarmWorker::is_complete() const {
  const auto header = header_of(answer_);
  return header && answer_.size() == size_of(*header);
}

WarmWorker::Event WarmWorker::exchange(const RunLimits& limits, int cancel_fd) {
  const SteadyTime deadline = steady_clock::now() + limits.timeout;
  for (;;) {
    const Event event = wait(deadline, cancel_fd);
    if (event == Event::progress) continue;
    if (event != Event::answered) return event;
    if (!receive_some(limits)) return Event::ended;
    if (is_complete() && all_sent()) return Event::answered;
  }
}

RunOutcome WarmWorker::take_answer() {
  const AnswerHeader header = *header_of(answer_);
  rss_bytes_ = static_cast<std::uint64_t>(header.rss_kib) * limits::kKiB;
  RunOutcome outcome;
  outcome.exit.code = header.status;
  outcome.usage.cpu = std::chrono::microseconds(header.cpu_us);
  outcome.usage.max_rss_bytes = rss_bytes_;
  std::size_t at = sizeof(header);
  outcome.result.bytes = answer_.substr(at, header.result_bytes);
  at += header.result_bytes;
  outcome.out = {answer_.substr(at, header.out_bytes), header.out_total > header.out_bytes};
  at += header.out_bytes;
  outcome.err = {answer_.substr(at, header.err_bytes), header.err_total > header.err_bytes};
  outcome.out_bytes_total = header.out_total;
  outcome.err_bytes_total = header.err_total;
  const std::string& err = outcome.err.bytes;
  outcome.stderr_tail = err.substr(err.size() - std::min(err.size(), limits::kStderrTailBytes));
  answer_.clear();
  if (answer_.capacity() > limits::kPipeReadBytes) answer_.shrink_to_fit();
  return outcome;
}

RunOutcome::End WarmWorker::end_of(Event event, const RunLimits& limits) const {
  if (event == Event::timed_out) return RunOutcome::End::timed_out;
  if (event == Event::cancelled) return RunOutcome::End::cancelled;
  const auto header = header_of(answer_);
  return header && header->result_bytes > limits.result_bytes_max ? RunOutcome::End::flooded : RunOutcome::End::exited;
}

RunOutcome WarmWorker::stop(RunOutcome::End why) {
  RunOutcome outcome;
  outcome.end = why;
  process_->signal_tree(SIGKILL);
  pollfd wait{process_->exit_fd(), POLLIN, 0};
  while (::poll(&wait, 1, -1) < 0 && errno == EINTR) {  // Nothing survives SIGKILL.
  }
  if (const auto end = process_->try_reap()) {
    outcome.exit = end->exit;
    outcome.usage = end->usage;
  }
  process_.reset();
  return outcome;
}

Result<RunOutcome> WarmWorker::call(std::string_view call_json, const RunLimits& limits, int cancel_fd) {
  if (!usable()) return Error{ErrorCode::spawn_failed, "the worker has ended"};
  pollfd exited{process_->exit_fd(), POLLIN, 0};
  if (::poll(&exited, 1, 0) == 1) {
    process_.reset();
    return Error{ErrorCode::spawn_failed, "the worker ended after its last call"};
  }
  const RequestHeader header{static_cast<std::uint32_t>(call_json.size()), limits.stdout_bytes_max};
  request_.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  request_.append(call_json);
  sent_ = 0;
  answer_.clear();
  const SteadyTime started = steady_clock::now();
  const SigpipeBlocked sigpipe;
  const Event event = exchange(limits, cancel_fd);
  ++calls_;
  RunOutcome outcome;
  if (event == Event::answered) {
    outcome = take_answer();
  } else {
    outcome = stop(end_of(event, limits));
  }
  outcome.run_time = steady_clock::now() - started;
  return outcome;
}

}  // namespace skillscale
