#include "proxy/switch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/random_id.h"
#include "daemon/logging.h"
#include "protocol/codec.h"
#include "protocol/event.h"
#include "protocol/fabric.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

// Topics, and names of the fabric that have a topic in them.
constexpr std::size_t kPrefixBytesMax = limits::kTopicBytesMax + kCatalogPrefix.size();

zmq::message_t to_message(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

// A look at the outside only: the straight path never parses JSON, but an agent
// should not wait for ever because its server sent rubbish.
bool looks_like_reply(std::string_view payload) {
  return payload.size() > 2 && payload.front() == '{' && payload.back() == '}' &&
         payload.find("\"request_id\"") != std::string_view::npos;
}

}  // namespace

Switch::Switch(const SwitchSettings& settings, zmq::context_t& context, const Clock& clock, LoadBoard& board)
    : settings_(settings),
      clock_(clock),
      board_(board),
      frontend_(make_proxy_frontend(context)),
      backend_(make_proxy_backend(context)),
      dispatcher_(settings.dispatcher, *this, subscriptions_, clock, random_u64()),
      next_sweep_(clock.steady_now()),
      next_stats_(next_sweep_) {}

Result<std::unique_ptr<Switch>> Switch::bind(const SwitchSettings& settings, zmq::context_t& context,
                                             const Clock& clock, LoadBoard& board) {
  std::unique_ptr<Switch> result(new Switch(settings, context, clock, board));
  auto xpub = bind_socket(result->backend_, settings.xpub_endpoint);
  if (!xpub) return std::move(xpub).error();
  auto xsub = bind_socket(result->frontend_, settings.xsub_endpoint);
  if (!xsub) return std::move(xsub).error();
  result->xpub_endpoint_ = std::move(*xpub);
  result->xsub_endpoint_ = std::move(*xsub);
  // Everything is received, so that an intent can be held although nobody serves its topic yet.
  send_subscribe(result->frontend_, "");
  return result;
}

void Switch::run(Shutdown& shutdown) {
  Poller poller;
  const std::size_t upstream = poller.add(frontend_);
  const std::size_t downstream = poller.add(backend_);
  const std::size_t signals = poller.add(shutdown.fd());
  bool draining = false;
  SteadyTime end = SteadyTime::max();

  while (clock_.steady_now() < end) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_sweep_ - clock_.steady_now());
    poller.wait(std::clamp(wait, std::chrono::milliseconds(0), limits::kSweepInterval));
    if (poller.readable(signals) && shutdown.take_signal()) {
      if (draining) return;
      draining = true;
      end = clock_.steady_now() + settings_.drain_timeout;
      log::info("stopping: answering what is not started", {{"runs_in_progress", dispatcher_.runs_in_progress()}});
      dispatcher_.drain();
    }
    // Subscriptions first: a reply subscription must be known before the intent that relies on it.
    if (poller.readable(downstream)) move_downstream();
    if (poller.readable(upstream)) move_upstream();
    keep_time();
    if (draining && dispatcher_.runs_in_progress() == 0) return;
  }
}

void Switch::move_upstream() {
  for (int moved = 0; moved < limits::kBurstMessagesMax && receive_frames(frontend_, frames_); ++moved) route(frames_);
}

void Switch::move_downstream() {
  for (int moved = 0; moved < limits::kBurstMessagesMax && receive_frames(backend_, frames_); ++moved) {
    const std::string_view first = frames_.view(0);
    if (first.empty()) continue;
    switch (first.front()) {
      case '\x01':
        subscribed(first.substr(1));
        break;
      case '\x00':
        unsubscribed(first.substr(1));
        break;
      default:
        member_said(frames_);
    }
  }
}

// --- Upstream -----------------------------------------------------------------------------

void Switch::route(Frames& frames) {
  TrafficCount& all = traffic_.totals.all;
  ++all.messages_in;
  for (const zmq::message_t& part : frames.parts) all.bytes_in += part.size();
  if (frames.parts.size() < 2 || frames.excess > 0) return malformed("a message has two or three frames", frames);

  const std::string_view topic = frames.view(0);
  zmq::message_t& payload = frames.parts[1];
  if (payload.size() > limits::kMessageBytesMax) {
    ++traffic_.totals.too_large;
    dispatcher_.refuse(payload,
                       {ErrorCode::too_large, "the message has " + std::to_string(payload.size()) + " bytes; at most " +
                                                  std::to_string(limits::kMessageBytesMax) + " are allowed"});
    return;
  }
  if (is_fabric_name(topic)) return route_fabric(frames);
  if (frames.parts.size() == 3 && frames.parts[2].size() == Token::kBytes) return route_reply(frames);

  if (frames.parts.size() == 3 && frames.view(2) == kEventFrame) return route_event(frames);

  const bool resent = frames.parts.size() == 3 && frames.view(2) == kResendFrame;
  const std::size_t bytes = payload.size();
  if (dispatcher_.accept(topic, payload, resent)) {
    TrafficCount& count = traffic_.of_topic(topic);
    ++count.messages_in;
    count.bytes_in += bytes;
    return;
  }
  TrafficCount& count = traffic_.of_topic(topic);
  ++count.messages_in;
  count.bytes_in += bytes;
  forward(frames, count);
}

void Switch::route_reply(Frames& frames) {
  TrafficCount& count = traffic_.of_replies();
  ++count.messages_in;
  count.bytes_in += frames.parts[1].size();
  if (!dispatcher_.finish(frames.view(2), frames.view(0), looks_like_reply(frames.view(1)))) {
    ++count.dropped;
    return;
  }
  frames.parts.pop_back();
  forward(frames, count);
}

// Nothing depends on an event: no lease, no hold, and it is lost on an agent that takes no more.
void Switch::route_event(Frames& frames) {
  TrafficCount& count = traffic_.of_events();
  ++count.messages_in;
  count.bytes_in += frames.parts[1].size();
  frames.parts.pop_back();
  forward(frames, count);
}

void Switch::route_fabric(Frames& frames) {
  if (const auto topic = topic_of_catalog(frames.view(0))) return dispatcher_.ask_catalog(*topic, frames.parts[1]);
  if (frames.view(0).starts_with(kCatalogPrefix)) {
    return dispatcher_.refuse(
        frames.parts[1], {ErrorCode::invalid_request, "a question about skills is published to @catalog/ and a topic"});
  }
  if (frames.view(0) != kCancelTopic) return malformed("agents may publish to @cancel and @catalog only", frames);
  const auto address = parse_cancel(frames.view(1));
  if (!address) return malformed("a cancel names request_id and reply_to", frames);
  dispatcher_.cancel(*address);
}

void Switch::forward(Frames& frames, TrafficCount& count) {
  if (!subscriptions_.wants(frames.view(0))) {
    ++count.dropped;
    ++traffic_.totals.all.dropped;
    return;
  }
  ++count.messages_out;
  count.bytes_out += frames.parts[1].size();
  broadcast(frames.parts);
}

void Switch::malformed(std::string_view what, const Frames& frames) {
  ++traffic_.totals.malformed;
  log::debug("malformed message", {{"error", what}, {"frames", frames.parts.size() + frames.excess}});
}

// --- Downstream -----------------------------------------------------------------------------

void Switch::subscribed(std::string_view prefix) {
  if (prefix.starts_with("@g/")) return dispatcher_.join(std::string(prefix));
  if (is_barrier_name(prefix)) {
    std::array<zmq::message_t, 1> echo{to_message(prefix)};
    send_all(echo);
    return;
  }
  // A longer prefix cannot begin any topic.
  if (prefix.size() > kPrefixBytesMax) return;
  subscriptions_.add(prefix);
  for (Delivery& delivery : dispatcher_.hand_over(prefix)) {
    Frames frames;
    frames.parts.push_back(to_message(prefix));
    frames.parts.push_back(std::move(delivery.payload));
    forward(frames, traffic_.of_topic(prefix));
  }
}

void Switch::unsubscribed(std::string_view prefix) {
  if (prefix.starts_with("@g/")) return dispatcher_.leave(prefix);
  if (!is_barrier_name(prefix) && prefix.size() <= kPrefixBytesMax) subscriptions_.remove(prefix);
}

void Switch::member_said(const Frames& frames) {
  const std::string_view said = frames.view(0);
  if (const auto start = parse_start(said)) return dispatcher_.start(*start);
  if (const auto back = parse_give_back(said)) return dispatcher_.give_back(*back);
  if (const auto announced = parse_announce(said)) return dispatcher_.announce(*announced);
  if (const auto leaving = parse_leave(said)) return dispatcher_.stop_dispatch(*leaving);
  if (const auto news = parse_catalog_news(said)) return announce_catalog(*news);
  malformed("not a frame of a member", frames);
}

void Switch::announce_catalog(const CatalogNews& news) {
  const auto member = parse_member_name(news.member);
  if (!member || !dispatcher_.has_member(news.member)) return;
  const std::string name = catalog_name(member->topic);
  if (!subscriptions_.wants(name)) return;
  std::array<zmq::message_t, 2> parts{to_message(name), to_message(encode_catalog_announcement(news))};
  broadcast(parts);
}

// --- Time ---------------------------------------------------------------------------------------

void Switch::keep_time() {
  const SteadyTime now = clock_.steady_now();
  if (now < next_sweep_) return;
  next_sweep_ = now + limits::kSweepInterval;
  dispatcher_.sweep();
  board_.publish(measure_load(dispatcher_, traffic_, subscriptions_, now));
  if (now < next_stats_) return;
  next_stats_ = now + limits::kStatsInterval;
  publish_stats();
}

void Switch::publish_stats() {
  if (!subscriptions_.wants(kStatsTopic)) return;
  std::array<zmq::message_t, 2> parts{to_message(kStatsTopic), to_message(stats_json(*board_.latest()))};
  broadcast(parts);
}

// --- Sending --------------------------------------------------------------------------------------

// False, and nothing sent, when a queue is full. Once the first frame is taken
// libzmq takes the others too.
bool Switch::send_all(std::span<zmq::message_t> parts) {
  TrafficCount& all = traffic_.totals.all;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t bytes = parts[i].size();
    auto flags = i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    if (i == 0) flags = flags | zmq::send_flags::dontwait;
    if (!backend_.send(parts[i], flags)) return false;
    all.bytes_out += bytes;
  }
  ++all.messages_out;
  return true;
}

// A stalled subscriber must not keep the message from the others: it alone misses it.
void Switch::broadcast(std::span<zmq::message_t> parts) {
  if (send_all(parts)) return;
  ++traffic_.totals.stalls;
  ++traffic_.totals.all.dropped;
  backend_.set(zmq::sockopt::xpub_nodrop, 0);
  send_all(parts);
  backend_.set(zmq::sockopt::xpub_nodrop, 1);
}

bool Switch::dispatch(Member& member, zmq::message_t& payload, const Token& token, const DeliveryFacts& facts) {
  std::array<zmq::message_t, 4> parts{zmq::message_t(), zmq::message_t(), to_message(encode_token(token)),
                                      zmq::message_t()};
  parts[0].copy(member.frame);
  parts[1].copy(payload);
  const bool first_try = facts == DeliveryFacts{};
  if (!first_try) parts[3] = to_message(encode_delivery_facts(facts));
  if (send_all(std::span(parts).first(first_try ? 3 : 4))) {
    TrafficCount& count = traffic_.of_topic(member.parts.topic);
    ++count.messages_out;
    count.bytes_out += payload.size();
    return true;
  }
  ++traffic_.totals.stalls;
  return false;
}

bool Switch::control(const Member& member, std::string_view control, const Token& token) {
  std::array<zmq::message_t, 3> parts{to_message(member.name), to_message(control), to_message(encode_token(token))};
  return send_all(parts);
}

void Switch::answer(const std::string& reply_to, const Reply& reply) {
  TrafficCount& count = traffic_.of_replies();
  if (!subscriptions_.wants(reply_to)) {
    ++count.dropped;
    ++traffic_.totals.all.dropped;
    return;
  }
  std::array<zmq::message_t, 2> parts{to_message(reply_to), to_message(encode_reply(reply))};
  ++count.messages_out;
  count.bytes_out += parts[1].size();
  broadcast(parts);
}

}  // namespace skillscale
