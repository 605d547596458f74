#include "agent-client/client_core.h"

#include <utility>

#include "base/limits.h"

namespace skillscale::agent {
namespace {

std::size_t event_cost(const Event& event) {
  return sizeof(Callback) + event.data.size() + event.message.size() + event.json.size();
}

}  // namespace

void CallbackQueue::push(StatePtr state) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({.state = std::move(state), .event = std::nullopt});
  }
  changed_.notify_one();
}

bool CallbackQueue::push_event(StatePtr state, Event event) {
  {
    const std::lock_guard lock(mutex_);
    const std::size_t bytes = event_cost(event);
    if (event_bytes_ + bytes > limits::kAgentEventBytesMax) return false;
    event_bytes_ += bytes;
    waiting_.push_back({.state = std::move(state), .event = std::move(event)});
  }
  changed_.notify_one();
  return true;
}

std::optional<Callback> CallbackQueue::pop(std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, longest, [this] { return !waiting_.empty(); })) return std::nullopt;
  Callback callback = std::move(waiting_.front());
  waiting_.pop_front();
  if (callback.event) event_bytes_ -= event_cost(*callback.event);
  return callback;
}

// A request can be in the queue twice: published, and cancelled.
ClientCore::ClientCore(std::size_t pending_max)
    : pending_max_(pending_max), commands_(2 * pending_max + limits::kBurstMessagesMax) {}

bool ClientCore::admit(std::size_t bytes) {
  if (++open_requests_ > pending_max_) {
    --open_requests_;
    return false;
  }
  if ((open_bytes_ += bytes) > limits::kAgentPendingBytesMax) {
    open_bytes_ -= bytes;
    --open_requests_;
    return false;
  }
  return true;
}

bool ClientCore::post(Command& command) {
  if (!commands_.try_push(command)) return false;
  wakeup_.notify();
  return true;
}

void ClientCore::set_connected(bool connected) {
  {
    const std::lock_guard lock(connected_mutex_);
    connected_ = connected;
  }
  connected_changed_.notify_all();
}

bool ClientCore::wait_until_connected(std::chrono::milliseconds longest) {
  std::unique_lock lock(connected_mutex_);
  return connected_changed_.wait_for(lock, longest, [this] { return connected_; });
}

}  // namespace skillscale::agent
