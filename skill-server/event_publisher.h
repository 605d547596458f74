// Publishes the events of the runs that were asked for them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "base/clock.h"
#include "os/wakeup.h"
#include "protocol/event.h"
#include "protocol/reply.h"
#include "skill-server/event_metrics.h"
#include "skill-server/run_feed.h"
#include "skill-server/runs.h"

namespace skillscale {

// What the publisher needs of the server.
class EventOutlet {
 public:
  EventOutlet() = default;
  EventOutlet(const EventOutlet&) = delete;
  EventOutlet& operator=(const EventOutlet&) = delete;
  virtual ~EventOutlet() = default;

  virtual std::vector<EventTarget> event_targets(RunId run) const = 0;
  // False, and `event` untouched, when the proxy takes none now.
  virtual bool try_send_event(std::size_t link, std::string_view topic, zmq::message_t& event) = 0;
  // Takes it for later, before any reply that comes after it; false: no room for that either.
  virtual bool queue_event(std::size_t link, std::string_view topic, const zmq::message_t& event) = 0;
};

// Owned by one thread. Its feeds are shared with the workers; it must outlive their runs.
//
// An event goes to everybody who wants the run's events at that moment, each under the
// request id it was asked with. Nobody there: it has been told to nobody, and its number is
// gone. The child is held back (event_budget.h) while its events wait for the proxy, also inside
// libzmq: each message gives its bytes back when libzmq is done with it.
class EventPublisher {
 public:
  // Borrows what it gets.
  EventPublisher(std::string server_id, EventOutlet& outlet, EventMetrics& metrics);

  void accepted(const EventTarget& target);
  // The observer for the worker that begins with the run.
  std::shared_ptr<RunObserver> start(RunId run, const Intent& intent);
  int fd() const noexcept { return ready_.fd(); }  // Readable: pump() has something to do.
  void pump(SteadyTime now);
  // When to pump next; nothing while no run has anything to tell.
  std::optional<SteadyTime> next_due(SteadyTime now) const;
  // Everything that the run still has to tell, and the files of its reply; then the reply may be sent. Sets
  // its last_seq. Does nothing for a run that was not started here.
  void finish(RunId run, Reply& reply);
  // What waits for that proxy reaches nobody any more.
  void connection_lost(std::size_t link);

 private:
  struct Outgoing {
    std::size_t link = 0;
    std::string topic;
    zmq::message_t message;
  };
  struct Stream {
    std::shared_ptr<RunFeed> feed;  // Shared with the worker.
    std::uint64_t next_seq = 1;     // `accepted` was 0.
    std::deque<Outgoing> waiting;   // For room at the proxy.
    std::uint64_t holds_counted = 0;
    std::uint64_t lines_dropped_counted = 0;
  };

  void publish(RunId run, Stream& stream, RunFeed::Batch batch);
  void publish_one(Stream& stream, Event event, const std::vector<EventTarget>& targets,
                   const std::shared_ptr<EventCharge>& charge);
  void send_waiting(Stream& stream);
  void count(Stream& stream);

  const std::string server_id_;
  EventOutlet& outlet_;
  EventMetrics& metrics_;
  Wakeup ready_;
  std::map<RunId, Stream> streams_;
};

}  // namespace skillscale
