// The proxy's two sockets and the loop that moves messages between them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "base/clock.h"
#include "bus/sockets.h"
#include "os/shutdown.h"
#include "protocol/catalog.h"
#include "proxy/dispatcher.h"
#include "proxy/load.h"
#include "proxy/subscriptions.h"
#include "proxy/traffic.h"

namespace skillscale {

struct SwitchSettings {
  std::string xsub_endpoint;
  std::string xpub_endpoint;
  std::chrono::milliseconds drain_timeout = limits::kProxyDrainTimeout;
  DispatcherSettings dispatcher;
};

// One thread makes it, runs it and destroys it. `context`, `clock` and `board` outlive it.
class Switch : private Outbox {
 public:
  // Binds both sockets. Error io_error with the address that is taken or not allowed.
  static Result<std::unique_ptr<Switch>> bind(const SwitchSettings& settings, zmq::context_t& context,
                                              const Clock& clock, LoadBoard& board);

  // Returns after a signal: at once at the second one, else when runs in
  // progress have been answered or the drain time-out has passed.
  void run(Shutdown& shutdown);

  // The endpoints really bound.
  const std::string& xsub_endpoint() const noexcept { return xsub_endpoint_; }
  const std::string& xpub_endpoint() const noexcept { return xpub_endpoint_; }

 private:
  Switch(const SwitchSettings& settings, zmq::context_t& context, const Clock& clock, LoadBoard& board);

  void move_upstream();    // From the XSUB socket: what agents and members publish.
  void move_downstream();  // From the XPUB socket: subscriptions, and what members say on them.
  void route(Frames& frames);
  void route_reply(Frames& frames);
  void route_event(Frames& frames);
  void route_fabric(Frames& frames);
  void forward(Frames& frames, TrafficCount& count);
  void subscribed(std::string_view prefix);
  void unsubscribed(std::string_view prefix);
  void member_said(const Frames& frames);
  void announce_catalog(const CatalogNews& news);
  void keep_time();
  void publish_stats();
  void malformed(std::string_view what, const Frames& frames);

  bool send_all(std::span<zmq::message_t> parts);
  void broadcast(std::span<zmq::message_t> parts);

  // Outbox
  bool dispatch(Member& member, zmq::message_t& payload, const Token& token, const DeliveryFacts& facts) override;
  bool control(const Member& member, std::string_view control, const Token& token) override;
  void answer(const std::string& reply_to, const Reply& reply) override;

  const SwitchSettings settings_;
  const Clock& clock_;
  LoadBoard& board_;
  zmq::socket_t frontend_;
  zmq::socket_t backend_;
  std::string xsub_endpoint_;
  std::string xpub_endpoint_;
  Subscriptions subscriptions_;
  Traffic traffic_;
  Dispatcher dispatcher_;
  Frames frames_;
  SteadyTime next_sweep_;
  SteadyTime next_stats_;
};

}  // namespace skillscale
