// Round trips and throughput through the proxy, beside libzmq's own zmq_proxy in
// the same process and run. Proxy, echo servers and agent are threads with a zmq
// context each, as if they were processes; the agent keeps `window` intents outstanding. Prints one line per case and
// the ratio of the two.
//
//   proxy_bench [requests per case]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "base/random_id.h"
#include "bus/sockets.h"
#include "daemon/logging.h"
#include "os/shutdown.h"
#include "protocol/topic.h"
#include "proxy/switch.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

struct Endpoints {
  std::string xsub;
  std::string xpub;
};

// A proxy in a thread of its own.
class Hub {
 public:
  virtual ~Hub() = default;
  Endpoints endpoints;
};

class LeasingHub : public Hub {
 public:
  LeasingHub() {
    SwitchSettings settings;
    settings.xsub_endpoint = settings.xpub_endpoint = "tcp://127.0.0.1:*";
    std::atomic<bool> bound = false;
    thread_ = std::thread([this, &bound, settings] {
      auto hub = Switch::bind(settings, context_, clock_, board_);
      endpoints = {(*hub)->xsub_endpoint(), (*hub)->xpub_endpoint()};
      auto shutdown = Shutdown::on_signals({SIGUSR1});
      bound = true;
      bound.notify_one();
      (*hub)->run(shutdown);
    });
    bound.wait(false);
  }
  ~LeasingHub() override {
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }

 private:
  zmq::context_t context_ = make_context();
  SystemClock clock_;
  LoadBoard board_;
  std::thread thread_;
};

class PlainHub : public Hub {
 public:
  PlainHub()
      : control_(context_, zmq::socket_type::pair),
        frontend_(context_, zmq::socket_type::xsub),
        backend_(context_, zmq::socket_type::xpub) {
    for (zmq::socket_t* socket : {&frontend_, &backend_}) {
      socket->set(zmq::sockopt::sndhwm, 0);
      socket->set(zmq::sockopt::rcvhwm, 0);
      socket->set(zmq::sockopt::linger, 0);
      socket->bind("tcp://127.0.0.1:*");
    }
    endpoints = {frontend_.get(zmq::sockopt::last_endpoint), backend_.get(zmq::sockopt::last_endpoint)};
    const std::string name = "inproc://" + random_id();
    control_.bind(name);
    thread_ = std::thread([this, name] {
      zmq::socket_t commands(context_, zmq::socket_type::pair);
      commands.connect(name);
      zmq_proxy_steerable(frontend_.handle(), backend_.handle(), nullptr, commands.handle());
    });
  }
  ~PlainHub() override {
    control_.send(zmq::str_buffer("TERMINATE"));
    thread_.join();
  }

 private:
  zmq::context_t context_ = make_context();
  zmq::socket_t control_;
  zmq::socket_t frontend_;
  zmq::socket_t backend_;
  std::thread thread_;
};

// Answers each intent with itself. As a member (leasing), or subscribed to the topic (plain).
class EchoServer {
 public:
  // `credits` 0: plain.
  EchoServer(const Endpoints& endpoints, std::uint32_t credits) {
    thread_ = std::thread([this, endpoints, credits] {
      zmq::context_t context = make_context();
      const bool leasing = credits > 0;
      zmq::socket_t subscriber = make_server_subscriber(context);
      zmq::socket_t publisher = make_agent_publisher(context, false);
      SK_CHECK(connect_socket(publisher, endpoints.xsub));
      // zmq_proxy subscribes to what somebody wants; ours subscribes to everything at once.
      zmq::message_t subscription;
      if (leasing) (void)publisher.recv(subscription);
      SK_CHECK(connect_socket(subscriber, endpoints.xpub));
      send_subscribe(subscriber,
                     leasing ? encode_member_name({"TOPIC_BENCH", "default", random_id(), credits}) : "TOPIC_BENCH");
      ready_ = true;
      ready_.notify_one();
      echo(subscriber, publisher);
    });
    ready_.wait(false);
  }
  ~EchoServer() {
    stop_ = true;
    thread_.join();
  }
  std::size_t executed() const { return executed_; }

 private:
  void echo(zmq::socket_t& subscriber, zmq::socket_t& publisher) {
    Poller poller;
    poller.add(subscriber);
    Frames frames;
    while (!stop_) {
      poller.wait(20ms);
      while (receive_frames(subscriber, frames)) {
        const std::string_view intent = frames.view(1);
        if (intent.empty() || intent.front() == '@') continue;
        ++executed_;
        const std::size_t begin = intent.find("AGENT_REPLY_");
        const std::string_view reply_to = intent.substr(begin, 44);
        if (frames.parts.size() >= 3) {
          send_frames(publisher, {reply_to, intent, frames.view(2)});
        } else {
          send_frames(publisher, {reply_to, intent});
        }
      }
    }
  }
  std::atomic<bool> ready_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> executed_ = 0;
  std::thread thread_;
};

struct Figures {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double executions = 0;  // Per request.
};

class Agent {
 public:
  explicit Agent(const Endpoints& endpoints)
      : publisher_(make_agent_publisher(context_, false)), subscriber_(make_agent_subscriber(context_)) {
    SK_CHECK(connect_socket(publisher_, endpoints.xsub));
    zmq::message_t subscription;
    (void)publisher_.recv(subscription);
    SK_CHECK(connect_socket(subscriber_, endpoints.xpub));
    subscriber_.set(zmq::sockopt::subscribe, reply_to_);
  }

  // Sends until every server answers, so that no subscription is still under way.
  void warm_up() {
    subscriber_.set(zmq::sockopt::rcvtimeo, 100);
    for (int answered = 0; answered < 200;) {
      publish(0);
      zmq::message_t part;
      bool received = false;
      while ((received = subscriber_.recv(part).has_value()) && part.more()) {
      }
      answered += received ? 1 : 0;
    }
    subscriber_.set(zmq::sockopt::rcvtimeo, 10000);
  }

  Figures run(std::size_t requests, std::size_t window) {
    std::vector<SteadyClock::time_point> sent(requests + 1);
    std::vector<char> answered(requests + 1);
    std::vector<double> round_trips;
    round_trips.reserve(requests);
    std::size_t next = 1;
    const auto begin = SteadyClock::now();
    for (; next <= std::min(window, requests); ++next) publish_at(next, sent);
    while (round_trips.size() < requests) {
      zmq::message_t topic;
      zmq::message_t reply;
      if (!subscriber_.recv(topic) || !subscriber_.recv(reply)) break;
      const std::size_t id = std::strtoull(reply.to_string_view().data() + kIdBegin, nullptr, 10);
      if (id == 0 || id > requests || answered[id] != 0) continue;
      answered[id] = 1;
      round_trips.push_back(std::chrono::duration<double, std::micro>(SteadyClock::now() - sent[id]).count());
      if (next <= requests) publish_at(next++, sent);
    }
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
    std::sort(round_trips.begin(), round_trips.end());
    const std::size_t count = round_trips.size();
    if (count < requests) return {};
    return {static_cast<double>(count) / seconds, round_trips[count / 2], round_trips[count * 99 / 100], 0};
  }

 private:
  static constexpr std::size_t kIdBegin = 15;  // After {"request_id":"
  void publish_at(std::size_t id, std::vector<SteadyClock::time_point>& sent) {
    sent[id] = SteadyClock::now();
    publish(id);
  }
  void publish(std::size_t id) {
    const std::string intent = R"({"request_id":")" + std::to_string(id) + R"(","reply_to":")" + reply_to_ +
                               R"(","intent":"one hundred bytes or so of an ordinary little intent"})";
    while (!send_frames(publisher_, {"TOPIC_BENCH", intent})) std::this_thread::yield();
  }
  const std::string reply_to_ = "AGENT_REPLY_" + random_id();
  zmq::context_t context_ = make_context();
  zmq::socket_t publisher_;
  zmq::socket_t subscriber_;
};

Figures measure(Hub& hub, std::uint32_t credits, std::size_t replicas, std::size_t window, std::size_t requests) {
  std::vector<std::unique_ptr<EchoServer>> servers;
  for (std::size_t i = 0; i < replicas; ++i) {
    servers.push_back(std::make_unique<EchoServer>(hub.endpoints, credits));
  }
  const auto executed = [&] {
    std::size_t sum = 0;
    for (const auto& server : servers) sum += server->executed();
    return sum;
  };
  Agent agent(hub.endpoints);
  agent.warm_up();
  const std::size_t before = executed();
  Figures figures = agent.run(requests, window);
  figures.executions = static_cast<double>(executed() - before) / static_cast<double>(requests);
  return figures;
}

void print(const char* name, const Figures& figures) {
  std::printf("  %-10s %9.0f req/s   p50 %7.0f us   p99 %7.0f us   %.1f executions per request\n", name,
              figures.per_second, figures.p50_us, figures.p99_us, figures.executions);
}

struct Case {
  std::size_t replicas;
  std::size_t window;
  std::uint32_t credits;  // Of each replica; fewer than the window: intents are held.
};
constexpr Case kCases[] = {{1, 1, 64}, {1, 64, 64}, {1, 64, 16}, {4, 1, 64}, {4, 64, 64}};

// In turn, twice, so that a change in the machine's speed meets both.
bool compare(const Case& test, std::size_t requests) {
  Figures plain;
  Figures leasing;
  for (int round = 0; round < 2; ++round) {
    {
      PlainHub hub;
      const Figures figures = measure(hub, 0, test.replicas, test.window, requests);
      if (figures.per_second > plain.per_second) plain = figures;
    }
    LeasingHub hub;
    const Figures figures = measure(hub, test.credits, test.replicas, test.window, requests);
    if (figures.per_second > leasing.per_second) leasing = figures;
  }
  std::printf("%zu replicas, window %zu, %u credits each\n", test.replicas, test.window, test.credits);
  print("zmq_proxy", plain);
  print("skillscale", leasing);
  std::printf("  ratio      throughput %.2f   round trip p50 %.2f\n", leasing.per_second / plain.per_second,
              leasing.p50_us / plain.p50_us);
  return plain.per_second > 0 && leasing.per_second > 0;
}

int run(std::size_t requests) {
  log::start("proxy_bench", log::Level::warn, log::Format::text);
  bool complete = true;
  for (const Case& test : kCases) {
    complete = compare(test, test.window == 1 ? requests / 10 : requests) && complete;
  }
  return complete ? 0 : 1;
}

}  // namespace
}  // namespace skillscale

int main(int argc, char** argv) {
  // Blocked before the first thread, so that the proxy's thread alone takes it.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return skillscale::run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100000);
}
