#include "engine/warm_worker.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "os/sigpipe.h"

namespace skillscale {
namespace {

using std::chrono::steady_clock;

using End = RunOutcome::End;

struct __attribute__((packed)) RequestHeader {
  std::uint32_t bytes;
};
struct __attribute__((packed)) AnswerHeader {
  std::int32_t status;
  std::int64_t cpu_us;
  std::int64_t rss_kib;
  std::int64_t max_rss_kib;
  std::uint8_t left_processes;
  std::uint32_t result_bytes;
};

std::optional<AnswerHeader> header_of(const std::string& answer) {
  AnswerHeader header;
  if (answer.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, answer.data(), sizeof(header));
  return header;
}

std::size_t size_of(const AnswerHeader& header) { return sizeof(header) + std::size_t{header.result_bytes}; }

bool is_plausible(const AnswerHeader& header) {
  return header.cpu_us >= 0 && header.rss_kib >= 0 && header.max_rss_kib >= 0 && header.status >= 0 &&
         header.status <= 255 && header.left_processes <= 1;
}

// One call: the request goes out, the answer and what is printed come in.
class Exchange {
 public:
  Exchange(RunningProcess& process, std::string_view call_json, const RunLimits& limits)
      : process_(process),
        limits_(limits),
        out_(limits.stdout_bytes_max, 0),
        err_(limits.stderr_bytes_max, limits::kStderrTailBytes) {
    const RequestHeader header{static_cast<std::uint32_t>(call_json.size())};
    request_.reserve(sizeof(header) + call_json.size());
    request_.append(reinterpret_cast<const char*>(&header), sizeof(header)).append(call_json);
    forget_output();
  }

  // Until the answer is there (nothing), or why there will be none.
  std::optional<End> run(int cancel_fd) {
    const SteadyTime deadline = steady_clock::now() + limits_.timeout;
    if (limits_.is_watched()) watch_ = steady_clock::now() + limits::kTreeWatchInterval;
    while (!is_complete()) {
      if (const auto end = step(deadline, cancel_fd)) return end;
    }
    return std::nullopt;
  }

  // What is in the pipes when the answer has come, or when the process is dead.
  void take_rest() {
    read_all(pipes_.out, out_);
    read_all(pipes_.err, err_);
  }
  bool is_flooded() const { return std::max(out_.total_bytes(), err_.total_bytes()) > limits_.flood_bytes_max; }
  AnswerHeader header() const { return *header_of(answer_); }

  void tell(RunOutcome& outcome) {
    outcome.out_bytes_total = out_.total_bytes();
    outcome.err_bytes_total = err_.total_bytes();
    outcome.out = out_.take_output();
    outcome.err = err_.take_output();
    outcome.stderr_tail = err_.take_tail();
    if (is_complete()) outcome.result.bytes = answer_.substr(sizeof(AnswerHeader));
  }

 private:
  // What a thread has printed after the call before is nobody's.
  void forget_output() {
    KeptOutput nobodys(0, 0);
    read_all(pipes_.out, nobodys);
    read_all(pipes_.err, nobodys);
  }

  std::optional<End> step(SteadyTime deadline, int cancel_fd) {
    enum : std::size_t { kExit, kCancel, kIn, kResult, kOut, kErr, kCount };
    std::array<pollfd, kCount> waits{};
    waits[kExit] = {process_.exit_fd(), POLLIN, 0};
    waits[kCancel] = {cancel_fd, POLLIN, 0};
    waits[kIn] = {all_sent() ? -1 : pipes_.in.get(), POLLOUT, 0};
    waits[kResult] = {pipes_.result.get(), POLLIN, 0};
    waits[kOut] = {pipes_.out.get(), POLLIN, 0};
    waits[kErr] = {pipes_.err.get(), POLLIN, 0};
    const SteadyTime next = watch_ ? std::min(*watch_, deadline) : deadline;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - steady_clock::now()).count();
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30)));
    if (ready < 0) SK_CHECK(errno == EINTR);
    if (ready <= 0) return look(deadline);
    if (waits[kCancel].revents != 0) return End::cancelled;
    if (waits[kOut].revents != 0) out_.read_some(pipes_.out);
    if (waits[kErr].revents != 0) err_.read_some(pipes_.err);
    if (is_flooded()) return End::flooded;
    if (waits[kIn].revents != 0 && !send_some()) return End::exited;
    if (waits[kResult].revents != 0) {
      if (const auto end = receive_some()) return end;
    } else if (waits[kExit].revents != 0) {
      return End::exited;
    }
    return look(deadline);
  }

  std::optional<End> look(SteadyTime deadline) {
    const SteadyTime now = steady_clock::now();
    if (now >= deadline) return End::timed_out;
    if (!watch_ || now < *watch_) return std::nullopt;
    if (const auto end = past_limits(process_.usage_now(), limits_)) return end;
    watch_ = steady_clock::now() + limits::kTreeWatchInterval;
    return std::nullopt;
  }

  bool all_sent() const noexcept { return sent_ == request_.size(); }
  bool is_complete() const {
    const auto header = header_of(answer_);
    return header && answer_.size() == size_of(*header) && all_sent();
  }

  bool send_some() {
    const ssize_t sent = ::write(pipes_.in.get(), request_.data() + sent_, request_.size() - sent_);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<std::size_t>(sent);
    return true;
  }

  // End::exited also when what comes is no answer.
  std::optional<End> receive_some() {
    std::array<char, limits::kPipeReadBytes> buffer;
    const ssize_t got = ::read(pipes_.result.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (got <= 0) return End::exited;
    answer_.append(buffer.data(), static_cast<std::size_t>(got));
    const auto header = header_of(answer_);
    if (!header) return std::nullopt;
    if (!is_plausible(*header) || answer_.size() > size_of(*header)) return End::exited;
    return header->result_bytes > limits_.result_bytes_max ? std::optional(End::flooded) : std::nullopt;
  }

  static void read_all(Fd& fd, KeptOutput& kept) {
    for (int i = 0; i < limits::kPipeRestReadsMax; ++i) {
      const std::uint64_t before = kept.total_bytes();
      kept.read_some(fd);
      if (kept.total_bytes() == before) return;
    }
  }

  RunningProcess& process_;
  ProcessPipes& pipes_ = process_.pipes();
  const RunLimits& limits_;
  std::string request_;
  std::size_t sent_ = 0;  // Of the request.
  std::string answer_;    // What has come.
  KeptOutput out_;
  KeptOutput err_;
  std::optional<SteadyTime> watch_;  // When the tree is looked at next.
};

// Kills all of it; how it ended, for a process that may have ended by itself.
ProcessEnd end_now(RunningProcess& process) {
  pollfd wait{process.exit_fd(), POLLIN, 0};
  do {
    process.signal_tree(SIGKILL);  // Nothing survives it, but what is above the run may need a second one.
  } while (::poll(&wait, 1, static_cast<int>(limits::kKillRepeatInterval.count())) <= 0);
  return process.try_reap().value_or(ProcessEnd());
}

}  // namespace

Result<RunOutcome> WarmWorker::call(std::string_view call_json, const RunLimits& limits, int cancel_fd) {
  if (!usable()) return Error{ErrorCode::spawn_failed, "the worker has ended"};
  std::array<pollfd, 2> unasked{{{process_->exit_fd(), POLLIN, 0}, {process_->pipes().result.get(), POLLIN, 0}}};
  if (::poll(unasked.data(), unasked.size(), 0) > 0) {
    process_.reset();
    return Error{ErrorCode::spawn_failed, "the worker ended, or answered without being asked, after its last call"};
  }
  const SteadyTime started = steady_clock::now();
  const SigpipeHeld sigpipe;  // It may die while it is written to.
  Exchange exchange(*process_, call_json, limits);
  std::optional<End> end = exchange.run(cancel_fd);
  ++calls_;
  RunOutcome outcome;
  outcome.run_time = steady_clock::now() - started;
  bool stays = false;
  if (end) {
    const ProcessEnd dead = end_now(*process_);
    outcome.exit = dead.exit;
    outcome.usage = dead.usage;
    if (dead.out_of_memory && *end == End::exited) end = End::out_of_memory;
    exchange.take_rest();
  } else {
    exchange.take_rest();
    const AnswerHeader header = exchange.header();
    rss_bytes_ = static_cast<std::uint64_t>(header.rss_kib) * limits::kKiB;
    if (calls_ == 1) first_rss_bytes_ = rss_bytes_;
    outcome.usage.max_rss_bytes = static_cast<std::uint64_t>(header.max_rss_kib) * limits::kKiB;
    outcome.exit.code = header.status;
    outcome.usage.cpu = std::chrono::microseconds(header.cpu_us);
    if (exchange.is_flooded()) end = End::flooded;
    stays = !end && header.left_processes == 0;
  }
  outcome.end = end.value_or(End::exited);
  exchange.tell(outcome);
  if (!stays) process_.reset();
  return outcome;
}

}  // namespace skillscale
