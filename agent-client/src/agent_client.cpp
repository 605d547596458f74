#include "skillscale/agent_client.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "agent-client/client_core.h"
#include "agent-client/io_loop.h"
#include "agent-client/messages.h"
#include "base/limits.h"
#include "base/random_id.h"
#include "protocol/catalog.h"

namespace skillscale::agent {
namespace {

// The application's signals are for its own threads: a new thread inherits the
// mask that is set here, from its first instruction on.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

ClientOptions checked(ClientOptions options) {
  if (auto result = check_options(options); !result) throw std::invalid_argument(result.error().detail);
  if (options.agent_id.empty()) options.agent_id = random_id();
  return options;
}

// No request is older and no wait is useful for longer; also keeps sums with the clock from overflowing.
std::chrono::milliseconds bounded(std::chrono::milliseconds time) {
  return std::clamp<std::chrono::milliseconds>(time, std::chrono::milliseconds(0), limits::kTimeoutMax);
}

}  // namespace

PendingReply::PendingReply(std::shared_ptr<State> state) : state_(std::move(state)) {}

const std::string& PendingReply::request_id() const noexcept { return state_->request_id; }

bool PendingReply::ready() const { return state_->reply.ready(); }

bool PendingReply::wait_for(std::chrono::milliseconds longest) const {
  return state_->reply.wait_for(bounded(longest));
}

const Reply& PendingReply::get() const { return state_->reply.get(); }

void PendingReply::cancel() const {
  if (state_->cancel_asked.exchange(true)) return;
  const auto core = state_->core.lock();
  if (!core) return;  // The client has ended, and this request with it.
  Command command = CancelCommand{state_->request_id};
  // A full queue is impossible: it has room for one cancellation per request.
  static_cast<void>(core->post(command));
}

class Client::Impl {
 public:
  explicit Impl(ClientOptions wanted)
      : options(checked(std::move(wanted))),
        reply_topic("AGENT_REPLY_" + options.agent_id),
        core(std::make_shared<ClientCore>(options.pending_max)) {
    const SignalsBlocked blocked;
    io_thread = std::jthread([this](const std::stop_token& stop) { run_io(stop); });
    if (const auto& failure = started.get()) {
      io_thread.join();
      throw std::invalid_argument(*failure);
    }
  }

  ~Impl() {
    io_thread.request_stop();
    core->wakeup().notify();
  }

  // The request's reply is there at once: it was not accepted.
  void refuse(const StatePtr& state, const Error& error) {
    ++core->statistics().lock()->refused;
    state->reply.set(local_reply(state->request_id, error.code, error.detail, clock.wall_now()));
    if (state->on_reply) state->on_reply(state->reply.get());
  }

  void submit(const StatePtr& state, Request request);
  // Sends `payload`, or ends the request with the error.
  void send(const StatePtr& state, std::string topic, Result<std::string> payload,
            std::optional<std::chrono::milliseconds> timeout);

  const ClientOptions options;
  const std::string reply_topic;
  const SystemClock clock;
  const std::shared_ptr<ClientCore> core;  // Shared weakly by handles, which may outlive the client.

 private:
  void run_io(const std::stop_token& stop) try {
    pthread_setname_np(pthread_self(), "agent-io");
    IoLoop loop(options, reply_topic, clock, *core);
    const auto connected = loop.connect();
    started.set(connected ? std::nullopt : std::optional(connected.error().detail));
    if (connected) loop.run(stop);
  } catch (const zmq::error_t& error) {
    // Only when the process is out of descriptors or memory, while sockets are opened.
    if (started.ready()) throw;
    started.set(std::string("cannot open the sockets: ") + error.what());
  }

  OneShot<std::optional<std::string>> started;  // Why it could not start; nothing: it runs.
  std::jthread io_thread;                       // Last: it uses everything above.
};

void Client::Impl::submit(const StatePtr& state, Request request) {
  request.options.request_id = state->request_id;
  auto payload = encode_request(request, reply_topic, clock.wall_now());
  send(state, std::move(request.topic), std::move(payload), request.options.timeout);
}

void Client::Impl::send(const StatePtr& state, std::string topic, Result<std::string> payload,
                        std::optional<std::chrono::milliseconds> timeout) {
  if (!payload) return refuse(state, payload.error());
  const std::size_t bytes = payload->size();
  if (!core->admit(bytes)) {
    return refuse(state,
                  {ErrorCode::overloaded, "too many requests wait for their replies (pending_max is " +
                                              std::to_string(options.pending_max) + "); wait for some of them first"});
  }
  ++core->statistics().lock()->published;

  PendingRequest pending;
  pending.request_id = state->request_id;
  pending.topic = std::move(topic);
  pending.payload = std::move(*payload);
  pending.state = state;
  pending.published = clock.steady_now();
  pending.deadline = pending.published + timeout.value_or(options.default_timeout);
  pending.connect_deadline = pending.published + options.connect_timeout;
  Command command = std::move(pending);
  // Admission leaves room in the queue for every request.
  SK_CHECK(core->post(command));
}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Client::~Client() = default;

PendingReply Client::publish(std::string topic, std::string intent, IntentOptions options) {
  return publish(std::move(topic), std::move(intent), std::move(options), {});
}

PendingReply Client::publish(std::string topic, std::string intent, IntentOptions options, OnReply on_reply) {
  return publish(std::move(topic), std::move(intent), std::move(options), std::move(on_reply), {});
}

PendingReply Client::publish(std::string topic, std::string intent, IntentOptions options, OnReply on_reply,
                             OnEvent on_event) {
  options.stream = options.stream || on_event;
  auto state = std::make_shared<PendingReply::State>();
  state->request_id = options.request_id.empty() ? random_id() : options.request_id;
  state->on_reply = std::move(on_reply);
  state->on_event = std::move(on_event);
  state->core = impl_->core;
  impl_->submit(state, {std::move(topic), std::move(intent), std::move(options)});
  return PendingReply(std::move(state));
}

PendingReply Client::ask_catalog(std::string topic, CatalogQuestion question, OnReply on_reply) {
  auto state = std::make_shared<PendingReply::State>();
  state->request_id = random_id();
  state->on_reply = std::move(on_reply);
  state->core = impl_->core;
  auto payload = encode_question(topic, question, {state->request_id, impl_->reply_topic});
  impl_->send(state, catalog_name(topic), std::move(payload), question.timeout);
  return PendingReply(std::move(state));
}

std::vector<Reply> Client::publish_parallel(std::vector<Request> requests) {
  std::vector<PendingReply> pending;
  pending.reserve(requests.size());
  for (Request& request : requests) {
    pending.push_back(publish(std::move(request.topic), std::move(request.intent), std::move(request.options)));
  }
  std::vector<Reply> replies;
  replies.reserve(pending.size());
  for (const PendingReply& one : pending) replies.push_back(one.get());
  return replies;
}

std::vector<Reply> Client::publish_sequential(std::vector<Request> requests, OnFailure on_failure) {
  std::vector<Reply> replies;
  replies.reserve(requests.size());
  for (Request& request : requests) {
    const auto pending = publish(std::move(request.topic), std::move(request.intent), std::move(request.options));
    replies.push_back(pending.get());
    if (!replies.back().success && on_failure == OnFailure::stop) break;
  }
  return replies;
}

std::size_t Client::respond(std::chrono::milliseconds longest) {
  std::size_t called = 0;
  auto callback = impl_->core->callbacks().pop(bounded(longest));
  while (callback) {
    PendingReply::State& state = *callback->state;
    if (callback->event) {
      state.on_event(*callback->event);
    } else {
      if (state.on_reply) state.on_reply(state.reply.get());
      impl_->core->release_request();
    }
    ++called;
    callback = impl_->core->callbacks().pop(std::chrono::milliseconds(0));
  }
  return called;
}

std::size_t Client::collect_garbage(std::chrono::milliseconds age) {
  auto collected = std::make_shared<OneShot<std::size_t>>();
  Command command = CollectCommand{bounded(age), collected};
  if (!impl_->core->post(command)) return 0;
  return collected->get();
}

bool Client::wait_until_connected(std::chrono::milliseconds longest) const {
  return impl_->core->wait_until_connected(bounded(longest));
}

const std::string& Client::agent_id() const noexcept { return impl_->options.agent_id; }

const std::string& Client::reply_topic() const noexcept { return impl_->reply_topic; }

Statistics Client::statistics() const {
  Statistics now = *impl_->core->statistics().lock();
  now.pending = now.published - now.answered - now.timed_out - now.cancelled;
  return now;
}

}  // namespace skillscale::agent
