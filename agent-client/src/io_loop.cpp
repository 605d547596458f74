#include "agent-client/io_loop.h"

#include <algorithm>
#include <utility>

#include "agent-client/messages.h"
#include "base/limits.h"
#include "protocol/fabric.h"

namespace skillscale::agent {

IoLoop::IoLoop(const ClientOptions& options, const std::string& reply_topic, const Clock& clock, ClientCore& core)
    : options_(options),
      reply_topic_(reply_topic),
      clock_(clock),
      core_(core),
      context_(make_context()),
      pending_(limits::kAgentAnsweredMax) {}

Result<void> IoLoop::connect() {
  poller_.add(core_.wakeup().fd());
  for (const Proxy& proxy : options_.proxies) {
    Link& link = *links_.emplace_back(std::make_unique<Link>(context_, reply_topic_));
    if (auto connected = link.connect(proxy); !connected) return connected;
    link.add_to(poller_);
  }
  return {};
}

void IoLoop::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    poller_.wait(time_to_wait());
    turn();
  }
  // What was asked for just before the end still goes out, if a proxy is there.
  do turn();
  while (core_.commands().size() > 0);
  end_all();
  send_cancels();
}

void IoLoop::turn() {
  take_commands();
  read_links();
  give_up_due();
  send_cancels();
  send_requests();
}

std::chrono::milliseconds IoLoop::time_to_wait() const {
  if (core_.commands().size() > 0) return std::chrono::milliseconds(0);
  std::chrono::milliseconds wait(-1);
  if (const auto due = pending_.next_due()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - clock_.steady_now());
    wait = std::max(left, std::chrono::milliseconds(0));
  }
  const bool work_left = pending_.next_unsent() != nullptr || !cancels_.empty();
  if (!work_left || !first_up()) return wait;
  return wait.count() < 0 ? limits::kAgentSendRetry : std::min(wait, limits::kAgentSendRetry);
}

void IoLoop::take_commands() {
  core_.wakeup().clear();
  for (int taken = 0; taken < limits::kBurstMessagesMax; ++taken) {
    auto command = core_.commands().try_pop();
    if (!command) return;
    if (auto* request = std::get_if<PendingRequest>(&*command)) {
      begin(std::move(*request));
    } else if (const auto* cancelled = std::get_if<CancelCommand>(&*command)) {
      cancel(cancelled->request_id);
    } else if (const auto* garbage = std::get_if<CollectCommand>(&*command)) {
      garbage->collected->set(collect(garbage->age));
    }
  }
}

void IoLoop::begin(PendingRequest request) {
  if (pending_.add(request)) return;
  {
    auto statistics = core_.statistics().lock();
    --statistics->published;
    ++statistics->refused;
  }
  auto reply = local_reply(request.request_id, ErrorCode::invalid_request,
                           "request_id \"" + request.request_id + "\" is already under way; choose another one",
                           clock_.wall_now());
  finish(std::move(request), std::move(reply));
}

void IoLoop::cancel(const std::string& request_id) {
  auto request = pending_.take(request_id, Ending::given_up);
  if (!request) return;  // The reply was faster.
  tell_fabric(*request);
  count(&Statistics::cancelled);
  auto reply = local_reply(request_id, ErrorCode::cancelled, "cancelled by the caller", clock_.wall_now());
  finish(std::move(*request), std::move(reply));
}

std::size_t IoLoop::collect(std::chrono::milliseconds age) {
  auto stale = pending_.take_published_before(clock_.steady_now() - age);
  for (PendingRequest& request : stale) give_up(std::move(request));
  return stale.size();
}

void IoLoop::read_links() {
  for (std::size_t index = 0; index < links_.size(); ++index) {
    const auto change = links_[index]->read([this](const Frames& frames) { on_message(frames); });
    if (change == Link::Change::lost || change == Link::Change::renewed) on_link_down(index);
  }
  const bool connected = first_up().has_value();
  if (connected != connected_) core_.set_connected(connected);
  connected_ = connected;
}

void IoLoop::on_message(const Frames& frames) {
  // ZeroMQ filters by prefix: what is meant for a longer topic arrives here too.
  if (frames.view(0) != reply_topic_) return;
  if (frames.parts.size() < 2) return count(&Statistics::malformed);
  if (auto reply = decode_answer(frames.view(1))) return on_reply(std::move(*reply));
  if (const auto event = decode_event(frames.view(1))) return on_event(*event, frames.view(1));
  count(&Statistics::malformed);
}

void IoLoop::on_event(const skillscale::Event& event, std::string_view json) {
  PendingRequest* const request = pending_.find(event.request_id);
  if (request == nullptr || !request->state->on_event) return count(&Statistics::events_ignored);
  const auto missed = request->events.take(event);
  if (!missed) return count(&Statistics::events_ignored);
  if (*missed > 0) count(&Statistics::events_missed, *missed);
  Event told = mirror_event(event, *missed, json);
  if (options_.callbacks == CallbackThread::caller) {
    // Counted as missed with the next event that has room, or with the reply.
    if (!core_.callbacks().push_event(request->state, std::move(told))) return request->events.dropped();
    return count(&Statistics::events);
  }
  count(&Statistics::events);
  request->state->on_event(told);
}

void IoLoop::on_reply(Reply reply) {
  switch (pending_.standing(reply.request_id)) {
    case Standing::answered:
      return count(&Statistics::duplicate);
    case Standing::given_up:
      return count(&Statistics::late);
    case Standing::unknown:
      return count(&Statistics::unknown);
    case Standing::pending:
      break;
  }
  auto request = pending_.take(reply.request_id, Ending::answered);
  count(&Statistics::answered);
  finish(std::move(*request), std::move(reply));
}

void IoLoop::on_link_down(std::size_t index) { pending_.requeue(index); }

std::optional<std::size_t> IoLoop::first_up() const {
  const auto link = std::ranges::find_if(links_, [](const auto& candidate) { return candidate->up(); });
  if (link == links_.end()) return std::nullopt;
  return static_cast<std::size_t>(link - links_.begin());
}

// A run may be known to any of the proxies, so all that are there are told.
void IoLoop::send_cancels() {
  while (!cancels_.empty()) {
    bool taken = false;
    for (const auto& link : links_) {
      if (link->up() && link->send({kCancelTopic, cancels_.front()})) taken = true;
    }
    if (!taken) return;
    cancels_.pop_front();
  }
}

void IoLoop::send_requests() {
  const auto link = first_up();
  if (!link) return;
  if (current_ && *current_ != *link && !links_[*current_]->up()) count(&Statistics::failovers);
  current_ = link;
  while (const PendingRequest* request = pending_.next_unsent()) {
    const bool resend = request->sent;
    const bool taken = resend ? links_[*link]->send({request->topic, request->payload, kResendFrame})
                              : links_[*link]->send({request->topic, request->payload});
    if (!taken) return;
    pending_.mark_sent(*link);
    if (resend) count(&Statistics::resent);
  }
}

void IoLoop::give_up_due() {
  for (PendingRequest& request : pending_.take_due(clock_.steady_now())) give_up(std::move(request));
}

void IoLoop::give_up(PendingRequest request) {
  tell_fabric(request);
  count(&Statistics::timed_out);
  const bool unreachable = !request.sent && !first_up();
  const std::string where = options_.proxies.front().publish_endpoint;
  auto reply = unreachable ? local_reply(request.request_id, ErrorCode::unreachable,
                                         "no proxy is reachable (" + where + "); is it running, is the address right?",
                                         clock_.wall_now())
                           : local_reply(request.request_id, ErrorCode::no_answer,
                                         "no final reply for topic " + request.topic + " in time", clock_.wall_now());
  finish(std::move(request), std::move(reply));
}

void IoLoop::end_all() {
  core_.commands().close();
  while (core_.commands().size() > 0) take_commands();
  for (PendingRequest& request : pending_.take_all()) {
    count(&Statistics::cancelled);
    auto reply = local_reply(request.request_id, ErrorCode::cancelled, "the client was closed", clock_.wall_now());
    finish(std::move(request), std::move(reply));
  }
}

void IoLoop::tell_fabric(const PendingRequest& request) {
  if (!request.sent) return;
  cancels_.push_back(encode_cancel({request.request_id, reply_topic_}));
  if (cancels_.size() > limits::kAgentAnsweredMax) cancels_.pop_front();
}

void IoLoop::finish(PendingRequest request, Reply reply) {
  reply.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady_now() - request.published);
  core_.release_bytes(request.payload.size());
  if (request.state->on_event && reply.last_seq) {
    reply.events_missed = request.events.missed_until(*reply.last_seq, reply.server);
    const std::uint64_t told = request.events.missed();
    if (reply.events_missed > told) count(&Statistics::events_missed, reply.events_missed - told);
  }
  const bool called_later = request.state->on_reply && options_.callbacks == CallbackThread::caller;
  if (!called_later) core_.release_request();
  request.state->reply.set(std::move(reply));
  if (called_later) {
    core_.callbacks().push(std::move(request.state));
  } else if (request.state->on_reply) {
    request.state->on_reply(request.state->reply.get());
  }
}

void IoLoop::count(std::uint64_t Statistics::*counter, std::uint64_t times) {
  (*core_.statistics().lock()).*counter += times;
}

}  // namespace skillscale::agent
