// What the threads of the caller and the client's I/O thread share.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "agent-client/one_shot.h"
#include "agent-client/pending_table.h"
#include "base/bounded_queue.h"
#include "base/guarded.h"
#include "os/wakeup.h"
#include "skillscale/agent_client.h"

namespace skillscale::agent {

class ClientCore;

}  // namespace skillscale::agent

// What a PendingReply and its copies stand for.
struct skillscale::agent::PendingReply::State {
  std::string request_id;
  OnReply on_reply;  // May be empty. Called once, after `reply` is set.
  OnEvent on_event;  // May be empty. Not called after on_reply.
  OneShot<Reply> reply;
  std::weak_ptr<ClientCore> core;  // Weak: a handle may outlive its client, and must not keep it.
  std::atomic<bool> cancel_asked = false;
};

namespace skillscale::agent {

// Work for the I/O thread.
struct CancelCommand {
  std::string request_id;
};
struct CollectCommand {
  std::chrono::milliseconds age;
  std::shared_ptr<OneShot<std::size_t>> collected;  // Shared by the thread that waits and the I/O thread.
};
using Command = std::variant<PendingRequest, CancelCommand, CollectCommand>;

// A reply's callback, or an event's.
struct Callback {
  StatePtr state;
  std::optional<Event> event;  // Nothing: the reply, which the state has.
};

// Callbacks that wait for a thread to call respond(). Thread-safe. Replies are bounded by the
// admissions of ClientCore: a request counts until its callback was called. Events are bounded by their bytes.
class CallbackQueue {
 public:
  void push(StatePtr state);
  // False, and the event is lost, when too many wait.
  bool push_event(StatePtr state, Event event);
  // The oldest, waiting up to `longest` for one.
  std::optional<Callback> pop(std::chrono::milliseconds longest);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Callback> waiting_;
  std::size_t event_bytes_ = 0;
};

// Thread-safe.
class ClientCore {
 public:
  explicit ClientCore(std::size_t pending_max);

  // Admission: one request of `bytes`. False when the client is full.
  bool admit(std::size_t bytes);
  void release_bytes(std::size_t bytes) noexcept { open_bytes_ -= bytes; }
  void release_request() noexcept { --open_requests_; }

  // False when the queue is full or closed; then `command` is untouched.
  bool post(Command& command);
  BoundedQueue<Command>& commands() noexcept { return commands_; }
  Wakeup& wakeup() noexcept { return wakeup_; }

  void set_connected(bool connected);
  bool wait_until_connected(std::chrono::milliseconds longest);

  Guarded<Statistics>& statistics() noexcept { return statistics_; }
  CallbackQueue& callbacks() noexcept { return callbacks_; }

 private:
  const std::size_t pending_max_;
  std::atomic<std::size_t> open_requests_ = 0;
  std::atomic<std::size_t> open_bytes_ = 0;
  BoundedQueue<Command> commands_;
  Wakeup wakeup_;
  Guarded<Statistics> statistics_;
  CallbackQueue callbacks_;

  std::mutex connected_mutex_;
  std::condition_variable connected_changed_;
  bool connected_ = false;
};

}  // namespace skillscale::agent
