#include "agent-client/link.h"

#include <algorithm>

#include "base/limits.h"
#include "base/random_id.h"
#include "protocol/topic.h"

namespace skillscale::agent {

// The publisher drops what a lost connection has not taken yet, as with several
// proxies: every unanswered intent is sent again anyway, marked as such. A copy without
// the mark in front of it would count as a new intent.
Link::Link(zmq::context_t& context, const std::string& reply_topic)
    : publisher_(make_agent_publisher(context, true)),
      subscriber_(make_agent_subscriber(context)),
      subscriber_watch_(context, subscriber_) {
  subscriber_.set(zmq::sockopt::subscribe, reply_topic);
}

Result<void> Link::connect(const Proxy& proxy) {
  if (auto connected = connect_socket(publisher_, proxy.publish_endpoint); !connected) return connected;
  return connect_socket(subscriber_, proxy.subscribe_endpoint);
}

void Link::add_to(Poller& poller) {
  poller.add(publisher_);
  poller.add(subscriber_);
  poller.add(subscriber_watch_.socket());
}

Link::Change Link::read(const std::function<void(const Frames&)>& on_message) {
  read_subscriptions();
  read_connection_events();
  read_messages(on_message);

  const bool was_up = std::exchange(was_up_, up());
  const bool broken = std::exchange(broken_, false);
  if (was_up && up()) return broken ? Change::renewed : Change::none;
  if (was_up) return Change::lost;
  return up() ? Change::up : Change::none;
}

// The frame of a new connection may overtake the end of the old one: counting makes their order irrelevant.
void Link::read_subscriptions() {
  while (receive_frames(publisher_, frames_)) {
    if (frames_.view(0) == std::string_view("\x01", 1)) {
      ++subscriptions_;
      broken_ = true;
    } else if (frames_.view(0) == std::string_view("\x00", 1)) {
      subscriptions_ = std::max(0, subscriptions_ - 1);
    }
  }
}

void Link::read_connection_events() {
  for (auto event = subscriber_watch_.next(); event != ConnectionWatch::Event::none; event = subscriber_watch_.next()) {
    echoed_ = false;
    broken_ = true;
    if (event == ConnectionWatch::Event::connected) ask_for_echo();
  }
}

// A new name each time, so that no late echo of an earlier connection counts.
void Link::ask_for_echo() {
  // Asking for the events makes libzmq repeat the earlier subscriptions on the new connection first.
  static_cast<void>(subscriber_.get(zmq::sockopt::events));
  if (!barrier_.empty()) subscriber_.set(zmq::sockopt::unsubscribe, barrier_);
  barrier_ = barrier_name(random_id());
  subscriber_.set(zmq::sockopt::subscribe, barrier_);
}

void Link::read_messages(const std::function<void(const Frames&)>& on_message) {
  for (int count = 0; count < limits::kBurstMessagesMax && receive_frames(subscriber_, frames_); ++count) {
    if (is_barrier_name(frames_.view(0))) {
      if (frames_.view(0) == barrier_) echoed_ = true;
    } else {
      on_message(frames_);
    }
  }
}

}  // namespace skillscale::agent
