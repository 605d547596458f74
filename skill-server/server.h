// The skill server: one thread owns the sockets and all that is held, the workers run the skills.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "base/clock.h"
#include "bus/sockets.h"
#include "daemon/admin_http.h"
#include "engine/executor.h"
#include "engine/sandbox_policy.h"
#include "engine/warm_metrics.h"
#include "os/shutdown.h"
#include "os/wakeup.h"
#include "skill-server/catalogue_watch.h"
#include "skill-server/dispatch.h"
#include "skill-server/event_publisher.h"
#include "skill-server/fabric_link.h"
#include "skill-server/live_catalogue.h"
#include "skill-server/metrics.h"
#include "skill-server/runs.h"
#include "skill-server/settings.h"
#include "skill-server/worker_pool.h"

namespace skillscale {

// Create it and run it on the same thread. request_stop, ready and http_port are thread-safe.
class Server : private EventOutlet {
 public:
  // Borrowed; all of them outlive the server.
  struct Parts {
    zmq::context_t& context;
    const Clock& clock;
    SnapshotPtr catalogue;                   // What it serves first.
    CatalogueWatch* watch = nullptr;         // Where the next ones come from; null: that is all.
    const KillLadder* ladder = nullptr;      // Without it the process group of a run is all that is killed.
    const SandboxPolicy* sandbox = nullptr;  // nullptr: runs are not confined.
  };

  // Connects, and answers HTTP. Errors: io_error (a port is taken), invalid_config (an address is wrong).
  static Result<std::unique_ptr<Server>> create(const ServerSettings& settings, const Parts& parts);
  ~Server() override;

  // Serves until it is told to stop, by a signal or request_stop(). SIGHUP reloads the skills. The first time
  // it drains; the second time it ends at once, with what runs killed. Returns the exit status.
  int run(Shutdown* shutdown);

  void request_stop() noexcept;
  bool ready() const noexcept { return ready_; }  // Joined to at least one proxy.
  std::uint16_t http_port() const noexcept { return http_->port(); }

 private:
  enum class Phase : std::uint8_t { serving, draining, flushing, ended };

  Server(const ServerSettings& settings, const Parts& parts);
  Result<void> start();

  // The loop.
  std::chrono::milliseconds time_to_wait() const;
  void take_stops(Shutdown* shutdown);
  void follow_links();
  void receive(std::size_t link);
  void take_results();
  void take_catalogue();
  void look_for_new_limits();
  void act();
  void keep_up();
  void look_after_guardian();

  // Messages.
  void handle(std::size_t link, const Dispatch& dispatch);
  void handle_intent(std::size_t link, const Dispatch& dispatch);
  void handle_question(std::size_t link, const Dispatch& dispatch);
  void tell_catalogue(std::size_t link);
  RunRequest make_request(const Membership& membership, Intent intent, SkillPtr skill) const;
  void refuse(std::size_t link, const Dispatch& dispatch, const Error& error);
  void count_malformed(const Dispatch& dispatch);
  void announce(std::size_t link);
  void announce_one(std::size_t link, const Dispatch& dispatch);
  void reply(const Lease& lease, const ReturnAddress& to, Reply reply);

  // Actions of Runs.
  void perform(AskStart&& action);
  void perform(Execute&& action);
  void perform(SendAccepted&& action);
  void perform(SendReply&& action);
  void perform(GiveBack&& action);
  void perform(Kill&& action);

  // EventOutlet
  std::vector<EventTarget> event_targets(RunId run) const override { return runs_.event_targets(run); }
  bool try_send_event(std::size_t link, std::string_view topic, zmq::message_t& event) override;
  bool queue_event(std::size_t link, std::string_view topic, const zmq::message_t& event) override;

  // The end.
  void begin_drain();
  void advance_drain();
  void enter(Phase phase, std::chrono::milliseconds time_max);

  SteadyTime now() const { return parts_.clock.steady_now(); }
  std::size_t proxies_joined() const;
  std::size_t reply_backlog() const;

  const ServerSettings settings_;
  Parts parts_;  // The catalogue is moved on: old versions of skills must not stay.
  const std::string server_id_;
  const Executor executor_;
  ServerMetrics metrics_;
  WarmShared warm_;
  WarmMetrics warm_metrics_;
  LiveCatalogue catalogue_;
  const std::uint32_t credits_;  // Of each membership.
  Runs runs_;
  std::atomic<bool> ready_ = false;
  std::optional<AdminHttp> http_;  // Stops after the links, which must not wait for it to leave the fabric.
  std::vector<std::unique_ptr<FabricLink>> links_;
  Frames frames_;
  Wakeup stop_wakeup_;
  std::atomic<int> stops_requested_ = 0;
  int stops_seen_ = 0;
  bool ready_file_written_ = false;
  Phase phase_ = Phase::serving;
  bool killed_ = false;
  bool guardian_lost_ = false;
  bool new_limits_logged_ = false;
  SteadyTime phase_end_ = SteadyTime::max();
  int exit_status_ = 0;
  EventMetrics event_metrics_;
  EventPublisher events_;
  std::optional<WorkerPool> pool_;  // Its threads are started last and end first.
};

}  // namespace skillscale
