#include "skill-server/run_feed.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "daemon/logging.h"
#include "protocol/event_line.h"

namespace skillscale {
namespace {

// With the bytes that are held back from the event before, an event has its full size.
constexpr std::size_t kCollectedBytesMax = limits::kEventChunkBytesMax - 3;

bool is_output(const Event& event) { return event.kind == EventKind::out || event.kind == EventKind::err; }

}  // namespace

RunFeed::RunFeed(std::string request_id, const std::vector<std::pair<std::string, std::string>>& variables,
                 Wakeup& ready)
    : request_id_(std::move(request_id)),
      ready_(ready),
      secrets_(variables),
      budget_(std::make_shared<EventBudget>(limits::kEventBytesInFlightMax)) {}

// --- The supervising thread -------------------------------------------------------------------

void RunFeed::on_output(OutputStream stream, std::string_view bytes) {
  if (secrets_.empty()) return collect(stream, bytes);
  if (secrets_.bytes() > limits::kEventSecretBytesMax) return;
  std::string& suspect = state_of(stream).suspect;
  std::string text = suspect + std::string(bytes);
  secrets_.remove_from(text);
  const std::size_t clean = text.size() - secrets_.begun_in(text);
  suspect.assign(text, clean);
  collect(stream, std::string_view(text).substr(0, clean));
}

void RunFeed::collect(OutputStream stream, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  while (!bytes.empty()) {
    std::string& data = open_event(stream).data;
    const std::string_view part = bytes.substr(0, kCollectedBytesMax - data.size());
    data.append(part);
    count(part.size(), 0);
    bytes.remove_prefix(part.size());
  }
}

// The event of this stream in the present batch; a new one when there is none, or it is full.
Event& RunFeed::open_event(OutputStream stream) {
  Stream& state = state_of(stream);
  if (state.open && events_[*state.open].data.size() < kCollectedBytesMax) return events_[*state.open];
  state.open = events_.size();
  Event& event = events_.emplace_back();
  event.kind = stream == OutputStream::out ? EventKind::out : EventKind::err;
  count(0, limits::kEventOverheadBytes);
  return event;
}

void RunFeed::on_event_line(std::string_view line) {
  auto parsed = parse_event_line(line);
  if (!parsed) {
    log::debug("a line on the events descriptor is no event",
               {{"request_id", request_id_}, {"error", parsed.error().detail}});
  }
  if (parsed) secrets_.remove_from(parsed->message);
  const std::lock_guard lock(mutex_);
  if (!parsed) {
    ++lines_dropped_;
    return;
  }
  add_progress(parsed->progress, std::move(parsed->message));
}

void RunFeed::on_lines_dropped(std::uint64_t lines) {
  log::debug("lines on the events descriptor were too long, or too many",
             {{"request_id", request_id_}, {"lines", lines}});
  const std::lock_guard lock(mutex_);
  lines_dropped_ += lines;
}

// Progress is a state: of a flood only the newest is worth telling.
void RunFeed::add_progress(double progress, std::string message) {
  const bool flood = progress_events_ >= limits::kEventProgressBurstMax && last_progress_;
  if (!flood) {
    ++progress_events_;
    last_progress_ = events_.size();
    events_.emplace_back().kind = EventKind::progress;
    count(0, limits::kEventOverheadBytes);
  }
  Event& event = events_[*last_progress_];
  if (message.size() > event.message.size()) count(0, message.size() - event.message.size());
  event.progress = progress;
  event.message = std::move(message);
}

// The publisher is woken for the first event of a batch, and when the batch need not wait any more.
void RunFeed::count(std::size_t data_bytes, std::size_t overhead_bytes) {
  const bool was_empty = bytes_ == 0;
  const bool was_full = is_full();
  data_bytes_ += data_bytes;
  bytes_ += data_bytes + overhead_bytes;
  budget_->take(data_bytes + overhead_bytes);
  if (was_empty || (is_full() && !was_full)) ready_.notify();
}

// --- The publishing thread ------------------------------------------------------------------------

RunFeed::Batch RunFeed::take(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  if (!is_due(now)) return {};
  taken_ = now;
  Batch batch = take_collected();
  for (Event& event : batch.events) hold_back(event);
  std::erase_if(batch.events, [](const Event& event) { return is_output(event) && event.data.empty(); });
  return batch;
}

RunFeed::Batch RunFeed::take_rest() {
  collect(OutputStream::out, std::exchange(out_.suspect, {}));
  collect(OutputStream::err, std::exchange(err_.suspect, {}));
  const std::lock_guard lock(mutex_);
  Batch batch = take_collected();
  for (Event& event : batch.events) hold_back(event);
  const auto end_stream = [&batch](EventKind kind, Stream& stream) {
    if (stream.held.empty()) return;
    Event& event = batch.events.emplace_back();
    event.kind = kind;
    event.data = std::exchange(stream.held, {});
  };
  end_stream(EventKind::out, out_);
  end_stream(EventKind::err, err_);
  std::erase_if(batch.events, [](const Event& event) { return is_output(event) && event.data.empty(); });
  return batch;
}

RunFeed::Batch RunFeed::take_collected() {
  out_.open.reset();
  err_.open.reset();
  last_progress_.reset();
  progress_events_ = 0;
  data_bytes_ = 0;
  return {.events = std::exchange(events_, {}), .bytes = std::exchange(bytes_, 0)};
}

// So that no event ends inside a character.
void RunFeed::hold_back(Event& event) {
  if (!is_output(event)) return;
  std::string& held = event.kind == EventKind::out ? out_.held : err_.held;
  event.data.insert(0, held);
  const std::size_t kept = event.data.size() - incomplete_utf8_suffix(event.data);
  held.assign(event.data, kept);
  event.data.resize(kept);
}

bool RunFeed::is_due(SteadyTime now) const {
  return !events_.empty() && (is_full() || now >= taken_ + limits::kEventCollectTime);
}

std::optional<SteadyTime> RunFeed::next_due() const {
  const std::lock_guard lock(mutex_);
  if (events_.empty()) return std::nullopt;
  return is_full() ? taken_ : taken_ + limits::kEventCollectTime;
}

std::uint64_t RunFeed::lines_dropped() const {
  const std::lock_guard lock(mutex_);
  return lines_dropped_;
}

}  // namespace skillscale
