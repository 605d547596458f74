// A proxy with skills inside, for tests of the agent client: real sockets on
// loopback, answers by a function, can be killed and started again on the same ports.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "base/bounded_queue.h"
#include "bus/sockets.h"
#include "os/wakeup.h"
#include "skillscale/agent_client.h"

namespace skillscale::agent::test {

using namespace std::chrono_literals;

// No wait of a test is longer; a test that needs it has failed.
inline constexpr std::chrono::seconds kPatience{20};

struct SeenIntent {
  std::string topic;
  std::string request_id;
  std::string reply_to;
  std::string skill;
  std::string body;
  std::string stdin_data;
  bool resent = false;
  bool stream = false;
};

// A message as frames, to be published.
using Message = std::vector<std::string>;

// A success with this content, as a skill server would send it.
Message answer(const SeenIntent& intent, const std::string& content);

class FakeFabric {
 public:
  // Called on the fabric's thread for each intent; what it returns is published.
  using Skill = std::function<std::vector<Message>(const SeenIntent&)>;

  explicit FakeFabric(Skill skill);
  ~FakeFabric();

  void start();
  void kill();  // Sockets are closed at once, with what they hold.

  const Proxy& proxy() const noexcept { return proxy_; }
  void publish(Message message);  // From any thread.

  // What has come so far; also over restarts.
  std::vector<SeenIntent> intents() const;
  std::vector<std::string> cancels() const;  // Request ids.
  bool sees_intents(std::size_t count) const;
  bool sees_cancels(std::size_t count) const;
  // Barriers answered: from then on what is published reaches the client.
  bool sees_echoes(std::size_t count) const;

 private:
  void run(const std::stop_token& stop);
  void on_published(zmq::socket_t& backend, const Frames& frames);

  const Skill skill_;
  Proxy proxy_;
  BoundedQueue<Message> to_publish_{1000};
  Wakeup wakeup_;
  std::jthread thread_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<SeenIntent> intents_;
  std::vector<std::string> cancels_;
  std::size_t echoes_ = 0;
  bool bound_ = false;
};

// Answers every intent with its own text.
std::vector<Message> echo(const SeenIntent& intent);
// Answers nothing.
std::vector<Message> silence(const SeenIntent& intent);

// Options for a client of these fabrics that gives up soon enough for a test.
ClientOptions options_for(const std::vector<const FakeFabric*>& fabrics);

}  // namespace skillscale::agent::test
