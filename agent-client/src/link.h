// The connection to one proxy: a socket for intents, a socket for replies, and
// whether both really work.
//
// libzmq connects in the background and drops what is sent too early. So a link
// is up only when the proxy has shown both directions to work: its subscription
// to everything has arrived here (what is published now reaches it), and it has
// echoed a barrier that was subscribed after the reply topic (what it
// publishes to that topic now reaches us).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "base/result.h"
#include "bus/connection_watch.h"
#include "bus/sockets.h"
#include "skillscale/agent_client.h"

namespace skillscale::agent {

// Belongs to one thread. Stays where it was made: the watch refers to a socket.
class Link {
 public:
  enum class Change : std::uint8_t {
    none,
    up,       // Both directions work now.
    lost,     // One of them does not any more: what is unanswered may be lost.
    renewed,  // Lost and up again since the last look.
  };

  Link(zmq::context_t& context, const std::string& reply_topic);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Begins to connect. Error invalid_config.
  Result<void> connect(const Proxy& proxy);
  void add_to(Poller& poller);

  // Reads what has come, at most kBurstMessagesMax messages, and hands each message of
  // the reply topic or below to `on_message`. Never blocks.
  Change read(const std::function<void(const Frames&)>& on_message);

  bool up() const noexcept { return subscriptions_ > 0 && echoed_; }

  // False when the proxy takes no more for now. Only while up().
  bool send(std::initializer_list<std::string_view> frames) { return send_frames(publisher_, frames); }

 private:
  void read_subscriptions();
  void read_connection_events();
  void read_messages(const std::function<void(const Frames&)>& on_message);
  void ask_for_echo();

  zmq::socket_t publisher_;
  zmq::socket_t subscriber_;
  ConnectionWatch subscriber_watch_;
  Frames frames_;

  int subscriptions_ = 0;  // The proxy's subscriptions to everything, one per connection.
  std::string barrier_;    // The echo that is waited for.
  bool echoed_ = false;
  bool was_up_ = false;
  bool broken_ = false;  // A connection was made anew since the last look.
};

}  // namespace skillscale::agent
