#include "fake_fabric.h"

#include <utility>

#include "base/check.h"
#include "protocol/codec.h"
#include "protocol/fabric.h"
#include "protocol/topic.h"

namespace skillscale::agent::test {
namespace {

void send_all(zmq::socket_t& socket, const Message& message) {
  for (std::size_t index = 0; index < message.size(); ++index) {
    const bool last = index + 1 == message.size();
    socket.send(zmq::buffer(message[index]), last ? zmq::send_flags::none : zmq::send_flags::sndmore);
  }
}

std::string bind_again(zmq::socket_t& socket, const std::string& endpoint) {
  auto bound = bind_socket(socket, endpoint);
  SK_CHECK(bound);
  return *bound;
}

}  // namespace

Message answer(const SeenIntent& intent, const std::string& content) {
  skillscale::Reply reply;
  reply.request_id = intent.request_id;
  reply.success = true;
  reply.content = content;
  reply.skill = intent.skill;
  return {intent.reply_to, encode_reply(reply)};
}

std::vector<Message> echo(const SeenIntent& intent) { return {answer(intent, intent.body)}; }

std::vector<Message> silence(const SeenIntent& /*intent*/) { return {}; }

ClientOptions options_for(const std::vector<const FakeFabric*>& fabrics) {
  ClientOptions options;
  options.proxies.clear();
  for (const FakeFabric* fabric : fabrics) options.proxies.push_back(fabric->proxy());
  options.connect_timeout = kPatience;
  options.default_timeout = kPatience;
  return options;
}

FakeFabric::FakeFabric(Skill skill) : skill_(std::move(skill)), proxy_{"tcp://127.0.0.1:*", "tcp://127.0.0.1:*"} {
  start();
}

FakeFabric::~FakeFabric() { kill(); }

void FakeFabric::start() {
  bound_ = false;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return bound_; });
}

void FakeFabric::kill() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  wakeup_.notify();
  thread_.join();
}

void FakeFabric::publish(Message message) {
  SK_CHECK(to_publish_.try_push(message));
  wakeup_.notify();
}

void FakeFabric::run(const std::stop_token& stop) {
  zmq::context_t context = make_context();
  zmq::socket_t frontend = make_proxy_frontend(context);
  zmq::socket_t backend = make_proxy_backend(context);
  backend.set(zmq::sockopt::linger, 0);
  {
    const std::lock_guard lock(mutex_);
    proxy_ = {bind_again(frontend, proxy_.publish_endpoint), bind_again(backend, proxy_.subscribe_endpoint)};
    bound_ = true;
  }
  changed_.notify_all();
  send_subscribe(frontend, "");

  Poller poller;
  poller.add(frontend);
  poller.add(backend);
  poller.add(wakeup_.fd());
  Frames frames;
  while (!stop.stop_requested()) {
    poller.wait(-1ms);
    wakeup_.clear();
    while (auto message = to_publish_.try_pop()) send_all(backend, *message);
    while (receive_frames(backend, frames)) {
      const auto subscription = frames.view(0);
      if (!subscription.starts_with('\x01') || !is_barrier_name(subscription.substr(1))) continue;
      send_all(backend, {std::string(subscription.substr(1))});
      {
        const std::lock_guard lock(mutex_);
        ++echoes_;
      }
      changed_.notify_all();
    }
    while (receive_frames(frontend, frames)) on_published(backend, frames);
  }
}

void FakeFabric::on_published(zmq::socket_t& backend, const Frames& frames) {
  std::vector<Message> answers;
  if (frames.view(0) == kCancelTopic) {
    const auto address = parse_cancel(frames.view(1));
    const std::lock_guard lock(mutex_);
    cancels_.push_back(address ? address->request_id : "malformed");
  } else {
    const auto intent = decode_intent(frames.view(1));
    SK_CHECK(intent);
    const bool resent = frames.parts.size() > 2 && frames.view(2) == kResendFrame;
    const SeenIntent seen{std::string(frames.view(0)),
                          intent->address.request_id,
                          intent->address.reply_to,
                          intent->skill,
                          intent->body,
                          intent->stdin_data,
                          resent,
                          intent->stream};
    {
      const std::lock_guard lock(mutex_);
      intents_.push_back(seen);
    }
    answers = skill_(seen);
  }
  changed_.notify_all();
  for (const Message& message : answers) send_all(backend, message);
}

std::vector<SeenIntent> FakeFabric::intents() const {
  const std::lock_guard lock(mutex_);
  return intents_;
}

std::vector<std::string> FakeFabric::cancels() const {
  const std::lock_guard lock(mutex_);
  return cancels_;
}

bool FakeFabric::sees_intents(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return intents_.size() >= count; });
}

bool FakeFabric::sees_cancels(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return cancels_.size() >= count; });
}

bool FakeFabric::sees_echoes(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return echoes_ >= count; });
}

}  // namespace skillscale::agent::test
