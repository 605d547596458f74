// Which events of one request are new, and how many never came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/event.h"

namespace skillscale::agent {

// Belongs to one thread. A value.
//
// Events of one run come in order, but a message can be lost, come through two proxies,
// or come from a server that has lost the run to another one. A run is known by its server.
class EventTrack {
 public:
  // How many events right before this one never came; nothing: this one is to be ignored.
  std::optional<std::uint64_t> take(const skillscale::Event& event);
  // The event that was taken last did not reach the application: it counts as missed.
  void dropped() noexcept { ++dropped_; }
  std::uint64_t missed() const noexcept { return missed_; }  // Of this run, as take() has told.
  // How many of the events of the run that `server` ended with `last_seq` never came.
  std::uint64_t missed_until(std::uint64_t last_seq, const std::string& server) const;

 private:
  bool is_stale(const skillscale::Event& event) const;

  bool begun_ = false;
  std::string server_;
  std::uint32_t attempt_ = 0;
  std::uint64_t next_ = 0;     // The seq that is expected.
  std::uint64_t missed_ = 0;   // Of this run, told with an event.
  std::uint64_t dropped_ = 0;  // Not told yet.
};

}  // namespace skillscale::agent
