#include "skill-server/fabric_link.h"

#include <utility>

#include "base/random_id.h"
#include "protocol/event.h"
#include "protocol/fabric.h"

namespace skillscale {
namespace {

zmq::socket_t make_reply_publisher(zmq::context_t& context) {
  // With IMMEDIATE=0, as for a single proxy: replies wait out a short interruption in the socket's queue.
  zmq::socket_t socket = make_agent_publisher(context, false);
  socket.set(zmq::sockopt::linger, static_cast<int>(limits::kServerLinger.count()));
  return socket;
}

}  // namespace

FabricLink::FabricLink(zmq::context_t& context, std::vector<Membership> memberships, std::uint32_t credits)
    : memberships_(std::move(memberships)),
      credits_(credits),
      subscriber_(make_server_subscriber(context)),
      publisher_(make_reply_publisher(context)),
      subscriber_watch_(context, subscriber_),
      publisher_watch_(context, publisher_) {}

Result<void> FabricLink::connect(const ServerSettings::Proxy& proxy) {
  address_ = proxy.xpub;
  if (auto connected = connect_socket(publisher_, proxy.xsub); !connected) return connected;
  return connect_socket(subscriber_, proxy.xpub);
}

void FabricLink::add_to(Poller& poller) {
  poller.add(subscriber_);
  poller.add(publisher_);
  poller.add(subscriber_watch_.socket());
  poller.add(publisher_watch_.socket());
}

// True when a connection broke, or was replaced by another one.
bool FabricLink::follow_connections() {
  bool broken = false;
  for (auto event = subscriber_watch_.next(); event != ConnectionWatch::Event::none; event = subscriber_watch_.next()) {
    subscriber_up_ = event == ConnectionWatch::Event::connected;
    broken |= !subscriber_up_;
  }
  // The subscription is looked at before the events that may have preceded it, so
  // that an old disconnection does not hide a new subscription.
  Frames frames;
  bool subscribed = false;
  while (receive_frames(publisher_, frames)) subscribed |= frames.view(0) == "\x01";
  for (auto event = publisher_watch_.next(); event != ConnectionWatch::Event::none; event = publisher_watch_.next()) {
    if (event != ConnectionWatch::Event::disconnected) continue;
    publisher_up_ = false;
    broken = true;
  }
  if (subscribed) {
    broken |= publisher_up_;  // The proxy subscribes once per connection: this is another one.
    publisher_up_ = true;
  }
  return broken;
}

FabricLink::Change FabricLink::next_change() {
  const bool broken = follow_connections();
  if (broken && joined_) {
    unsubscribe();
    return Change::lost;
  }
  if (joined_ || leaving_ || !subscriber_up_ || !publisher_up_) return Change::none;
  join();
  return Change::joined;
}

void FabricLink::join() {
  for (const Membership& membership : memberships_) {
    names_.push_back(encode_member_name(
        {.topic = membership.topic, .group = membership.group, .instance = random_id(), .credits = credits_}));
    send_subscribe(subscriber_, names_.back());
  }
  joined_ = true;
}

void FabricLink::unsubscribe() {
  for (const std::string& name : names_) send_unsubscribe(subscriber_, name);
  names_.clear();
  joined_ = false;
}

void FabricLink::leave() {
  leaving_ = true;
  if (!joined_) return;
  for (const std::string& name : names_) send_upstream(encode_leave({.member = name}));
  flush_topic_ = "SERVER_FLUSH_" + random_id();
  send_subscribe(subscriber_, flush_topic_);
  barrier_ = barrier_name(random_id());
  send_subscribe(subscriber_, barrier_);
}

void FabricLink::flush() {
  if (!joined_ || std::exchange(flushing_, true)) return;
  send_frames(publisher_, {flush_topic_, "{}"});
}

bool FabricLink::take_echo(const Frames& frames) {
  if (!leaving_) return false;
  const bool is_barrier = frames.view(0) == barrier_;
  const bool is_flush = frames.view(0) == flush_topic_;
  left_ |= is_barrier;
  flushed_ |= is_flush;
  return is_barrier || is_flush;
}

const Membership* FabricLink::find_member(std::string_view name) const {
  for (std::size_t index = 0; index < names_.size(); ++index) {
    if (names_[index] == name) return &memberships_[index];
  }
  return nullptr;
}

void FabricLink::send_upstream(std::string_view frame) {
  if (subscriber_up_) send_frames(subscriber_, {frame});
}

bool FabricLink::publish(std::string topic, std::string payload, std::string token) {
  Outgoing reply{.topic = std::move(topic), .payload = std::move(payload), .token = std::move(token)};
  if (backlog_.empty() && try_publish(reply)) return true;
  if (backlog_.size() >= limits::kReplyBacklogMax) return false;
  backlog_.push_back(std::move(reply));
  return true;
}

void FabricLink::retry_backlog() {
  while (!backlog_.empty() && try_publish(backlog_.front())) backlog_.pop_front();
}

bool FabricLink::try_publish_event(std::string_view topic, zmq::message_t& event) {
  if (!backlog_.empty()) return false;
  zmq::message_t name(topic.data(), topic.size());
  if (!publisher_.send(name, zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return false;
  // Once it has taken the first frame libzmq takes the others.
  return publisher_.send(event, zmq::send_flags::sndmore) &&
         publisher_.send(zmq::message_t(kEventFrame.data(), kEventFrame.size()), zmq::send_flags::none);
}

bool FabricLink::queue_event(std::string_view topic, std::string_view event) {
  if (backlog_.size() >= limits::kReplyBacklogMax / 2) return false;
  return publish(std::string(topic), std::string(event), std::string(kEventFrame));
}

bool FabricLink::try_publish(const Outgoing& reply) {
  return send_frames(publisher_, {reply.topic, reply.payload, reply.token});
}

}  // namespace skillscale
