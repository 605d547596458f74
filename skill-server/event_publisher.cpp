#include "skill-server/event_publisher.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace skillscale {
namespace {

// The bytes of one message and what they take of a run's budget.
struct Payload {
  std::string bytes;
  std::shared_ptr<EventCharge> charge;  // Shared by the messages of one event; nullptr: free.
};

void drop_payload(void* /*bytes*/, void* payload) { delete static_cast<Payload*>(payload); }

// libzmq calls drop_payload() on one of its own threads once the message has been written, or is dropped.
zmq::message_t to_message(std::string bytes, std::shared_ptr<EventCharge> charge) {
  auto payload = std::make_unique<Payload>(Payload{.bytes = std::move(bytes), .charge = std::move(charge)});
  char* const data = payload->bytes.data();
  const std::size_t size = payload->bytes.size();
  Payload* const owned = payload.release();  // By the message, also when the next line throws.
  try {
    return zmq::message_t(data, size, drop_payload, owned);
  } catch (...) {
    delete owned;
    throw;
  }
}

Event artifact_event(const Artifact& artifact) {
  Event event;
  event.kind = EventKind::artifact;
  event.path = artifact.path;
  event.mime = artifact.mime;
  event.size = artifact.content.size();
  event.sha256 = artifact.sha256;
  return event;
}

}  // namespace

EventPublisher::EventPublisher(std::string server_id, EventOutlet& outlet, EventMetrics& metrics)
    : server_id_(std::move(server_id)), outlet_(outlet), metrics_(metrics) {}

void EventPublisher::accepted(const EventTarget& target) {
  Event event;
  event.kind = EventKind::accepted;
  event.request_id = target.address.request_id;
  event.server = server_id_;
  event.attempt = target.attempt;
  zmq::message_t message = to_message(encode_event(event), nullptr);
  const bool sent = outlet_.try_send_event(target.link, target.address.reply_to, message) ||
                    outlet_.queue_event(target.link, target.address.reply_to, message);
  sent ? metrics_.published(event.kind) : metrics_.lost();
}

std::shared_ptr<RunObserver> EventPublisher::start(RunId run, const Intent& intent) {
  Stream& stream = streams_[run];
  stream.feed = std::make_shared<RunFeed>(intent.address.request_id, intent.env, ready_);
  Event event;
  event.kind = EventKind::started;
  RunFeed::Batch batch;
  batch.events.push_back(std::move(event));
  publish(run, stream, std::move(batch));
  return stream.feed;
}

void EventPublisher::pump(SteadyTime now) {
  ready_.clear();
  for (auto& [run, stream] : streams_) {
    send_waiting(stream);
    if (stream.waiting.empty()) publish(run, stream, stream.feed->take(now));
    count(stream);
  }
}

std::optional<SteadyTime> EventPublisher::next_due(SteadyTime now) const {
  std::optional<SteadyTime> next;
  for (const auto& [run, stream] : streams_) {
    const auto due = stream.waiting.empty() ? stream.feed->next_due() : now + limits::kReplyRetryInterval;
    if (due) next = next ? std::min(*next, *due) : *due;
  }
  return next;
}

void EventPublisher::finish(RunId run, Reply& reply) {
  const auto found = streams_.find(run);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  RunFeed::Batch batch = stream.feed->take_rest();
  for (const Artifact& artifact : reply.artifacts) batch.events.push_back(artifact_event(artifact));
  publish(run, stream, std::move(batch));
  // The reply must not overtake an event, and must not wait for a proxy that takes none.
  for (Outgoing& outgoing : stream.waiting) {
    if (!outlet_.queue_event(outgoing.link, outgoing.topic, outgoing.message)) metrics_.lost();
  }
  count(stream);
  reply.last_seq = stream.next_seq - 1;
  streams_.erase(found);
}

void EventPublisher::connection_lost(std::size_t link) {
  for (auto& [run, stream] : streams_) {
    const auto lost = std::erase_if(stream.waiting, [link](const Outgoing& outgoing) { return outgoing.link == link; });
    for (std::size_t count = 0; count < lost; ++count) metrics_.lost();
    // Messages that libzmq holds for that proxy would keep the child waiting until it comes back.
    stream.feed->budget()->write_off_charges();
  }
}

void EventPublisher::publish(RunId run, Stream& stream, RunFeed::Batch batch) {
  if (batch.events.empty()) return stream.feed->budget()->give_back(batch.bytes);
  const std::vector<EventTarget> targets = outlet_.event_targets(run);
  const std::size_t each = batch.bytes / batch.events.size();
  stream.feed->budget()->give_back(batch.bytes - each * batch.events.size());
  for (Event& event : batch.events) {
    publish_one(stream, std::move(event), targets, std::make_shared<EventCharge>(stream.feed->budget(), each));
  }
  send_waiting(stream);
}

void EventPublisher::publish_one(Stream& stream, Event event, const std::vector<EventTarget>& targets,
                                 const std::shared_ptr<EventCharge>& charge) {
  event.seq = stream.next_seq++;
  event.server = server_id_;
  if (targets.empty()) return metrics_.lost();
  for (const EventTarget& target : targets) {
    event.request_id = target.address.request_id;
    event.attempt = target.attempt;
    stream.waiting.push_back(
        {.link = target.link, .topic = target.address.reply_to, .message = to_message(encode_event(event), charge)});
    metrics_.published(event.kind);
  }
}

void EventPublisher::send_waiting(Stream& stream) {
  while (!stream.waiting.empty()) {
    Outgoing& first = stream.waiting.front();
    if (!outlet_.try_send_event(first.link, first.topic, first.message)) return;
    stream.waiting.pop_front();
  }
}

void EventPublisher::count(Stream& stream) {
  const std::uint64_t holds = stream.feed->budget()->holds();
  metrics_.held(holds - std::exchange(stream.holds_counted, holds));
  const std::uint64_t lines = stream.feed->lines_dropped();
  metrics_.lines_dropped(lines - std::exchange(stream.lines_dropped_counted, lines));
}

}  // namespace skillscale
