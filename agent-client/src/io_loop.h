// The client's I/O thread: owns the sockets and every request under way.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "agent-client/client_core.h"
#include "agent-client/link.h"
#include "agent-client/pending_table.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/result.h"
#include "bus/sockets.h"
#include "protocol/event.h"
#include "skillscale/agent_client.h"

namespace skillscale::agent {

// Made, run and destroyed on one thread. Borrows its arguments.
class IoLoop {
 public:
  IoLoop(const ClientOptions& options, const std::string& reply_topic, const Clock& clock, ClientCore& core);

  // Opens the sockets. Error invalid_config when libzmq refuses an endpoint.
  Result<void> connect();

  // Until a stop is requested and core.wakeup() notified; then ends every request with `cancelled`.
  void run(const std::stop_token& stop);

 private:
  void turn();
  std::chrono::milliseconds time_to_wait() const;

  void take_commands();
  void begin(PendingRequest request);
  void cancel(const std::string& request_id);
  std::size_t collect(std::chrono::milliseconds age);

  void read_links();
  void on_message(const Frames& frames);
  void on_reply(Reply reply);
  void on_event(const skillscale::Event& event, std::string_view json);
  void on_link_down(std::size_t index);

  std::optional<std::size_t> first_up() const;
  void send_cancels();
  void send_requests();
  void give_up_due();
  void give_up(PendingRequest request);
  void end_all();

  // Takes note that a request that went out is not wanted any more.
  void tell_fabric(const PendingRequest& request);
  void finish(PendingRequest request, Reply reply);
  void count(std::uint64_t Statistics::*counter, std::uint64_t times = 1);

  const ClientOptions& options_;
  const std::string& reply_topic_;
  const Clock& clock_;
  ClientCore& core_;

  zmq::context_t context_;
  std::vector<std::unique_ptr<Link>> links_;
  Poller poller_;
  PendingTable pending_;
  std::deque<std::string> cancels_;     // Not yet taken by any proxy; bounded by kAgentAnsweredMax.
  std::optional<std::size_t> current_;  // The link that intents went through last.
  bool connected_ = false;              // What the core was told.
};

}  // namespace skillscale::agent
