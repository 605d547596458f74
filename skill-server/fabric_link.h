// The connection to one proxy: joining, receiving intents, publishing replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "bus/connection_watch.h"
#include "bus/sockets.h"
#include "protocol/topic.h"
#include "skill-server/settings.h"

namespace skillscale {

// A membership, but for its instance: that is new for every connection.
struct Membership {
  std::string topic;
  std::string group;
};

// Owned by one thread.
//
// Replies are published on an XPUB socket, which on the wire is a PUB that can
// tell when the proxy's subscription has arrived. The link joins only then: a reply
// that is published earlier would reach nobody. When either connection breaks, the link
// leaves and joins anew under other names, so that what the proxy concludes from the
// death of the old membership never touches the new one.
class FabricLink {
 public:
  enum class Change : std::uint8_t { none, joined, lost };

  FabricLink(zmq::context_t& context, std::vector<Membership> memberships, std::uint32_t credits);

  Result<void> connect(const ServerSettings::Proxy& proxy);
  void add_to(Poller& poller);
  // Looks at what has happened to the connections; call it again until `none`.
  Change next_change();
  // False when there is nothing more to receive.
  bool receive(Frames& frames) { return receive_frames(subscriber_, frames); }

  // The membership that a dispatch is addressed to; nullptr: not one of the current ones.
  const Membership* find_member(std::string_view name) const;
  // Does nothing unless joined.
  void send_upstream(std::string_view frame);
  // Keeps the reply and tries again later when the queue to the proxy is full; false, and the reply is lost,
  // when too many are kept already.
  bool publish(std::string topic, std::string payload, std::string token);
  void retry_backlog();
  // An event of a run: not kept when the queue is full or replies wait; then `event` is untouched.
  bool try_publish_event(std::string_view topic, zmq::message_t& event);
  // Behind what is kept already, before what will be; leaves room for replies, or is false.
  bool queue_event(std::string_view topic, std::string_view event);

  // Leaving for good, in two steps, each confirmed by an echo of the proxy. First: no
  // more intents. The memberships stay until the end, so that a death would be seen.
  void leave();
  // No dispatch that was sent before can still arrive.
  bool left() const noexcept { return left_ || !joined_; }
  // Second, after the last reply: once it is flushed the proxy has seen every reply, and the memberships
  // can end without being taken for lost.
  void flush();
  bool flushed() const noexcept { return flushed_ || !joined_; }
  // True when the message is one of the two echoes.
  bool take_echo(const Frames& frames);

  bool joined() const noexcept { return joined_; }
  std::size_t backlog() const noexcept { return backlog_.size(); }
  const std::string& address() const noexcept { return address_; }
  // The current member names, in the order of the memberships; empty unless joined.
  const std::vector<std::string>& member_names() const noexcept { return names_; }
  const std::vector<Membership>& memberships() const noexcept { return memberships_; }

 private:
  struct Outgoing {
    std::string topic;
    std::string payload;
    std::string token;
  };
  bool follow_connections();
  void join();
  void unsubscribe();
  bool try_publish(const Outgoing& reply);

  const std::vector<Membership> memberships_;
  const std::uint32_t credits_;
  std::string address_;
  zmq::socket_t subscriber_;
  zmq::socket_t publisher_;
  ConnectionWatch subscriber_watch_;
  ConnectionWatch publisher_watch_;
  bool subscriber_up_ = false;
  bool publisher_up_ = false;  // Connected, and the proxy's subscription has arrived.
  bool joined_ = false;
  bool leaving_ = false;
  bool left_ = false;
  bool flushing_ = false;
  bool flushed_ = false;
  std::string barrier_;      // Echoed from the subscription.
  std::string flush_topic_;  // Echoed from the publisher's side, as any message to its subscribers.
  std::vector<std::string> names_;
  std::deque<Outgoing> backlog_;
};

}  // namespace skillscale
