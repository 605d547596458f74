// What one run has to tell, between the worker that watches it and the thread that publishes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/credentials.h"
#include "os/run_observer.h"
#include "os/wakeup.h"
#include "protocol/event.h"
#include "skill-server/event_budget.h"

namespace skillscale {

// Written by the supervising thread as the observer of the run, emptied by another one.
//
// Output is collected for kEventCollectTime, or until kEventChunkBytesMax are there: the first
// byte after a silence goes at once, a byte-by-byte writer costs one message per collect time.
// stdout and stderr keep their own order; between the two there is none, as they are two pipes.
class RunFeed final : public RunObserver {
 public:
  // What the run has told since the last time, without names and numbers.
  struct Batch {
    std::vector<Event> events;
    std::size_t bytes = 0;  // Taken from the budget; the taker charges or returns them.
  };

  // `ready` is notified when there may be something to take; it outlives the feed's use by a run. The
  // values of `variables` are in no event; with many of them there is no output.
  RunFeed(std::string request_id, const std::vector<std::pair<std::string, std::string>>& variables, Wakeup& ready);

  // The supervising thread.
  void on_output(OutputStream stream, std::string_view bytes) override;
  void on_event_line(std::string_view line) override;
  bool has_room() override { return budget_->has_room(); }
  int room_fd() const noexcept override { return budget_->room_fd(); }
  void on_lines_dropped(std::uint64_t lines) override;

  // The publishing thread. Empty unless something is due.
  Batch take(SteadyTime now);
  // Everything, with the beginning of a character that was never completed. After the run.
  Batch take_rest();
  // When take() should be called next; nothing while there is nothing to tell.
  std::optional<SteadyTime> next_due() const;
  std::uint64_t lines_dropped() const;
  const std::shared_ptr<EventBudget>& budget() const noexcept { return budget_; }

 private:
  struct Stream {
    std::optional<std::size_t> open;  // The event of the batch that takes more.
    std::string held;                 // Bytes that begin a character, told with what follows.
    // Bytes that may begin a credential. Belongs to the supervising thread until the end of the run.
    std::string suspect;
  };

  void collect(OutputStream stream, std::string_view bytes);
  Stream& state_of(OutputStream stream) { return stream == OutputStream::out ? out_ : err_; }
  Event& open_event(OutputStream stream);
  void add_progress(double progress, std::string message);
  void count(std::size_t data_bytes, std::size_t overhead_bytes);
  bool is_due(SteadyTime now) const;
  bool is_full() const { return data_bytes_ >= limits::kEventChunkBytesMax; }
  Batch take_collected();
  void hold_back(Event& event);

  const std::string request_id_;
  Wakeup& ready_;
  const Secrets secrets_;
  const std::shared_ptr<EventBudget> budget_;  // Shared with the messages that libzmq holds.

  mutable std::mutex mutex_;  // Guards what follows.
  std::vector<Event> events_;
  std::size_t bytes_ = 0;       // Of the batch, as the budget counts.
  std::size_t data_bytes_ = 0;  // Of output alone: that many need not wait for more.
  std::size_t progress_events_ = 0;
  std::optional<std::size_t> last_progress_;
  Stream out_;
  Stream err_;
  SteadyTime taken_;  // The last time that something was.
  std::uint64_t lines_dropped_ = 0;
};

}  // namespace skillscale
