#include "agent-client/event_track.h"

#include <utility>

namespace skillscale::agent {

// Another server's run replaces this one when it is a later attempt, or has just begun.
bool EventTrack::is_stale(const skillscale::Event& event) const {
  if (event.attempt != attempt_) return event.attempt < attempt_;
  return event.kind != EventKind::accepted && event.kind != EventKind::started;
}

std::optional<std::uint64_t> EventTrack::take(const skillscale::Event& event) {
  if (!begun_ || event.server != server_) {
    if (begun_ && is_stale(event)) return std::nullopt;
    begun_ = true;
    server_ = event.server;
    attempt_ = event.attempt;
    next_ = missed_ = dropped_ = 0;
  }
  if (event.seq < next_) return std::nullopt;
  const std::uint64_t missed = event.seq - next_ + std::exchange(dropped_, 0);
  missed_ += missed;
  next_ = event.seq + 1;
  return missed;
}

std::uint64_t EventTrack::missed_until(std::uint64_t last_seq, const std::string& server) const {
  if (!begun_ || server != server_) return last_seq + 1;
  return missed_ + dropped_ + (last_seq >= next_ ? last_seq + 1 - next_ : 0);
}

}  // namespace skillscale::agent
