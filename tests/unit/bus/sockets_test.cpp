#include "bus/sockets.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "os/wakeup.h"
#include "support/bus.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using testing::bound;
using testing::receive;

std::string reason(std::string_view endpoint) {
  const auto checked = check_endpoint(endpoint);
  return checked ? "" : checked.error().detail;
}

TEST(EndpointTest, GoodOnesAreAccepted) {
  for (const char* endpoint :
       {"tcp://127.0.0.1:5555", "tcp://*:5555", "tcp://0.0.0.0:0", "tcp://*:*", "tcp://localhost:65535",
        "tcp://proxy.skills.svc.cluster.local:5444", "tcp://skill_scale-proxy:1", "tcp://[::1]:5555", "tcp://[::]:5555",
        "tcp://[fe80::1%eth0]:5555", "ipc:///run/skillscale.sock", "ipc://@abstract", "inproc://x"}) {
    EXPECT_EQ(reason(endpoint), "");
  }
}

TEST(EndpointTest, TheErrorSaysWhatIsWrongAndWhatIsAllowed) {
  EXPECT_EQ(reason("tcp://127.0.0.1:70000"),
            "\"tcp://127.0.0.1:70000\" is not an endpoint: port \"70000\" is not a number from 0 to 65535; "
            "allowed are tcp://HOST:PORT, ipc://PATH and inproc://NAME");
  EXPECT_EQ(check_endpoint("x").error().code, ErrorCode::invalid_config);
}

TEST(EndpointTest, EachMistakeIsNamed) {
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {"", "the transport is missing or unknown"},
      {"127.0.0.1:5555", "the transport is missing or unknown"},
      {"http://127.0.0.1:5555", "the transport is missing or unknown"},
      {"TCP://127.0.0.1:5555", "the transport is missing or unknown"},
      {"tcp://", "the port is missing"},
      {"tcp://localhost", "the port is missing"},
      {"tcp://[::1]", "the port is missing"},
      {"tcp://localhost:", "port \"\" is not a number"},
      {"tcp://localhost:-1", "port \"-1\" is not a number"},
      {"tcp://localhost:55x", "port \"55x\" is not a number"},
      {"tcp://localhost:65536", "port \"65536\" is not a number"},
      {"tcp://localhost:99999999999999999999", "is not a number from 0 to 65535"},
      {"tcp://:5555", "the host is missing"},
      {"tcp://::1:5555", "an IPv6 address stands in brackets"},
      {"tcp://[]:5555", "is not a host name or address"},
      {"tcp://[localhost]:5555", "is not a host name or address"},
      {"tcp://ho st:5555", "is not a host name or address"},
      {"tcp://-host:5555", "is not a host name or address"},
      {"tcp://user@host:5555", "is not a host name or address"},
      {"tcp://" + std::string(254, 'a') + ":1", "is not a host name or address"},
      {"ipc://", "the path is missing"},
      {"ipc://" + std::string(108, 'a'), "the path has 108 bytes, a unix socket takes at most 107"},
      {std::string("ipc://a\0b", 9), "the path holds a zero byte"},
      {"inproc://", "the name is missing"},
  };
  for (const auto& [endpoint, expected] : mistakes) {
    EXPECT_NE(reason(endpoint).find(expected), std::string::npos) << endpoint << " -> " << reason(endpoint);
  }
}

TEST(SocketsTest, EachRoleHasItsOptions) {
  zmq::context_t context = make_context();
  const zmq::socket_t frontend = make_proxy_frontend(context);
  EXPECT_EQ(frontend.get(zmq::sockopt::type), ZMQ_XSUB);
  EXPECT_EQ(frontend.get(zmq::sockopt::rcvhwm), limits::kSocketHighWaterMark);
  EXPECT_EQ(frontend.get(zmq::sockopt::linger), 0);
  EXPECT_EQ(frontend.get(zmq::sockopt::maxmsgsize), static_cast<std::int64_t>(limits::kReceivedBytesMax));
  EXPECT_EQ(frontend.get(zmq::sockopt::tcp_keepalive), 1);
  EXPECT_EQ(frontend.get(zmq::sockopt::heartbeat_ivl), 0);

  const zmq::socket_t backend = make_proxy_backend(context);
  EXPECT_EQ(backend.get(zmq::sockopt::type), ZMQ_XPUB);
  EXPECT_EQ(backend.get(zmq::sockopt::sndhwm), limits::kSocketHighWaterMark);
  EXPECT_EQ(backend.get(zmq::sockopt::rcvhwm), 0);
  EXPECT_EQ(backend.get(zmq::sockopt::heartbeat_ivl), 500);
  EXPECT_EQ(backend.get(zmq::sockopt::heartbeat_timeout), 1000);
  EXPECT_EQ(backend.get(zmq::sockopt::linger), 1000);

  const zmq::socket_t server_subscriber = make_server_subscriber(context);
  EXPECT_EQ(server_subscriber.get(zmq::sockopt::type), ZMQ_XSUB);
  EXPECT_EQ(server_subscriber.get(zmq::sockopt::rcvhwm), 0);
  EXPECT_EQ(server_subscriber.get(zmq::sockopt::heartbeat_ivl), 0);
  EXPECT_EQ(server_subscriber.get(zmq::sockopt::reconnect_ivl), 100);
  EXPECT_EQ(server_subscriber.get(zmq::sockopt::reconnect_ivl_max), 2000);

  const zmq::socket_t server_publisher = make_server_publisher(context);
  EXPECT_EQ(server_publisher.get(zmq::sockopt::type), ZMQ_PUB);
  EXPECT_EQ(server_publisher.get(zmq::sockopt::sndhwm), limits::kSocketHighWaterMark);
  EXPECT_EQ(server_publisher.get(zmq::sockopt::immediate), 0);
  EXPECT_EQ(server_publisher.get(zmq::sockopt::linger), 5000);

  const zmq::socket_t agent_publisher = make_agent_publisher(context, true);
  EXPECT_EQ(agent_publisher.get(zmq::sockopt::type), ZMQ_XPUB);
  EXPECT_EQ(agent_publisher.get(zmq::sockopt::immediate), 1);
  EXPECT_EQ(agent_publisher.get(zmq::sockopt::sndtimeo), 1000);
  EXPECT_EQ(agent_publisher.get(zmq::sockopt::linger), 2000);
  EXPECT_EQ(make_agent_publisher(context, false).get(zmq::sockopt::immediate), 0);

  const zmq::socket_t agent_subscriber = make_agent_subscriber(context);
  EXPECT_EQ(agent_subscriber.get(zmq::sockopt::type), ZMQ_SUB);
  EXPECT_EQ(agent_subscriber.get(zmq::sockopt::rcvhwm), limits::kSocketHighWaterMark);
  EXPECT_EQ(agent_subscriber.get(zmq::sockopt::heartbeat_ivl), 0);
}

TEST(SocketsTest, TheContextHasRoomForManySockets) {
  zmq::context_t context = make_context();
  EXPECT_EQ(zmq_ctx_get(context.handle(), ZMQ_MAX_SOCKETS), limits::kSocketsMax);
  EXPECT_EQ(zmq_ctx_get(context.handle(), ZMQ_IO_THREADS), std::thread::hardware_concurrency() >= 4 ? 2 : 1);
}

TEST(SocketsTest, APortThatIsTakenIsSaidWithItsAddress) {
  zmq::context_t context = make_context();
  zmq::socket_t first = make_proxy_frontend(context);
  const std::string address = bound(first, "tcp://127.0.0.1:0");
  zmq::socket_t second = make_proxy_frontend(context);
  const auto again = bind_socket(second, address);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::io_error);
  EXPECT_EQ(again.error().detail, "cannot bind " + address + ": Address already in use");
}

TEST(SocketsTest, BindingSaysWhichPortItGot) {
  zmq::context_t context = make_context();
  zmq::socket_t socket = make_proxy_frontend(context);
  const std::string address = bound(socket, "tcp://127.0.0.1:*");
  EXPECT_EQ(address.find("tcp://127.0.0.1:"), 0U);
  EXPECT_NE(address, "tcp://127.0.0.1:0");
}

TEST(SocketsTest, AnAddressOfAnotherMachineCannotBeBound) {
  zmq::context_t context = make_context();
  zmq::socket_t socket = make_proxy_frontend(context);
  const auto result = bind_socket(socket, "tcp://192.0.2.1:0");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().detail.find("cannot bind tcp://192.0.2.1:0: "), 0U);
}

TEST(SocketsTest, AnEndpointThatCannotBeConnectedToIsInvalidConfig) {
  zmq::context_t context = make_context();
  zmq::socket_t socket = make_server_publisher(context);
  const auto result = connect_socket(socket, "tcp://nothing");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_config);
}

TEST(SocketsTest, MessagesTravelOverIPv6) {
  zmq::context_t context = make_context();
  zmq::socket_t backend = make_proxy_backend(context);
  const auto address = bind_socket(backend, "tcp://[::1]:0");
  if (!address) GTEST_SKIP() << "no IPv6 here: " << address.error();
  zmq::socket_t subscriber = make_server_subscriber(context);
  ASSERT_TRUE(connect_socket(subscriber, *address));
  send_subscribe(subscriber, "six");
  EXPECT_EQ(receive(backend), std::vector<std::string>{"\x01six"});
}

TEST(SocketsTest, EveryJoinAndLeaveIsSeenAlsoOfTheSameName) {
  zmq::context_t context = make_context();
  zmq::socket_t backend = make_proxy_backend(context);
  const std::string address = bound(backend, "tcp://127.0.0.1:0");
  std::vector<zmq::socket_t> members;
  for (int i = 0; i < 2; ++i) {
    members.push_back(make_server_subscriber(context));
    ASSERT_TRUE(connect_socket(members.back(), address));
    send_subscribe(members.back(), "@g/T/default/");
    EXPECT_EQ(receive(backend), std::vector<std::string>{"\x01@g/T/default/"});
  }
  const std::vector<std::string> leave = {std::string("\0@g/T/default/", 14)};
  send_unsubscribe(members[0], "@g/T/default/");
  EXPECT_EQ(receive(backend), leave);
  members[1].set(zmq::sockopt::linger, 0);
  members[1].close();  // A dead connection leaves by itself.
  EXPECT_EQ(receive(backend), leave);
}

TEST(SocketsTest, UpstreamFramesOfAMemberReachTheProxyWhole) {
  zmq::context_t context = make_context();
  zmq::socket_t backend = make_proxy_backend(context);
  zmq::socket_t member = make_server_subscriber(context);
  ASSERT_TRUE(connect_socket(member, bound(backend, "tcp://127.0.0.1:0")));
  send_subscribe(member, "m");
  EXPECT_EQ(receive(backend), std::vector<std::string>{"\x01m"});
  EXPECT_TRUE(send_frames(member, {"@s", "token", "1"}));
  EXPECT_EQ(receive(backend), (std::vector<std::string>{"@s", "token", "1"}));
}

// What an agent does before its first intent: when the echo of its last
// subscription is back, all earlier ones are in force.
TEST(SocketsTest, TheEchoOfTheLastSubscriptionIsABarrier) {
  zmq::context_t context = make_context();
  zmq::socket_t backend = make_proxy_backend(context);
  zmq::socket_t agent = make_agent_subscriber(context);
  ASSERT_TRUE(connect_socket(agent, bound(backend, "tcp://127.0.0.1:0")));
  agent.set(zmq::sockopt::subscribe, "AGENT_REPLY_1");
  agent.set(zmq::sockopt::subscribe, "@r/1");
  EXPECT_EQ(receive(backend), std::vector<std::string>{"\x01"
                                                       "AGENT_REPLY_1"});
  EXPECT_EQ(receive(backend), std::vector<std::string>{"\x01@r/1"});
  EXPECT_TRUE(send_frames(backend, {"@r/1"}));
  EXPECT_EQ(receive(agent), std::vector<std::string>{"@r/1"});
  EXPECT_TRUE(send_frames(backend, {"AGENT_REPLY_1", "reply"}));
  EXPECT_EQ(receive(agent), (std::vector<std::string>{"AGENT_REPLY_1", "reply"}));
}

// An agent that has seen the proxy's subscription loses no message.
TEST(SocketsTest, NoIntentIsLostAfterTheSubscriptionOfTheProxyHasArrived) {
  zmq::context_t context = make_context();
  zmq::socket_t frontend = make_proxy_frontend(context);
  send_subscribe(frontend, "");
  zmq::socket_t agent = make_agent_publisher(context, false);
  ASSERT_TRUE(connect_socket(agent, bound(frontend, "tcp://127.0.0.1:0")));
  EXPECT_EQ(receive(agent, {&frontend}), std::vector<std::string>{"\x01"});
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(send_frames(agent, {"T", std::to_string(i)}));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(receive(frontend), (std::vector<std::string>{"T", std::to_string(i)}));
}

TEST(SocketsTest, AMessageThatIsTooLargeCutsOffItsSenderAndNobodyElse) {
  zmq::context_t context = make_context();
  zmq::socket_t frontend = make_proxy_frontend(context);
  send_subscribe(frontend, "");
  const std::string address = bound(frontend, "tcp://127.0.0.1:0");
  zmq::socket_t large = make_agent_publisher(context, false);
  zmq::socket_t small = make_agent_publisher(context, false);
  for (zmq::socket_t* agent : {&large, &small}) {
    ASSERT_TRUE(connect_socket(*agent, address));
    ASSERT_EQ(receive(*agent, {&frontend}), std::vector<std::string>{"\x01"});
  }
  ASSERT_TRUE(send_frames(large, {"T", std::string(limits::kReceivedBytesMax + 1, 'x')}));
  // The cut is over when the connection of the sender is back.
  ASSERT_EQ(receive(large, {&frontend}), std::vector<std::string>{"\x01"});
  ASSERT_TRUE(send_frames(small, {"T", "small"}));
  EXPECT_EQ(receive(frontend), (std::vector<std::string>{"T", "small"}));
  ASSERT_TRUE(send_frames(large, {"T", "modest now"}));
  EXPECT_EQ(receive(frontend), (std::vector<std::string>{"T", "modest now"}));
}

TEST(FramesTest, FramesBeyondTheBoundAreCountedAndDropped) {
  zmq::context_t context = make_context();
  zmq::socket_t left(context, zmq::socket_type::pair);
  zmq::socket_t right(context, zmq::socket_type::pair);
  ASSERT_TRUE(connect_socket(right, bound(left, "inproc://frames")));
  ASSERT_TRUE(send_frames(left, {"1", "2", "3", "4", "5", "6", "7"}));
  ASSERT_TRUE(send_frames(left, {"next"}));
  Frames frames;
  ASSERT_TRUE(receive_frames(right, frames));
  EXPECT_EQ(frames.parts.size(), limits::kMessageFramesMax);
  EXPECT_EQ(frames.view(3), "4");
  EXPECT_EQ(frames.excess, 3U);
  ASSERT_TRUE(receive_frames(right, frames));
  EXPECT_EQ(frames.parts.size(), 1U);
  EXPECT_EQ(frames.view(0), "next");
  EXPECT_EQ(frames.excess, 0U);
}

TEST(FramesTest, NoMessageIsNoMessage) {
  zmq::context_t context = make_context();
  zmq::socket_t socket = make_proxy_frontend(context);
  Frames frames;
  EXPECT_FALSE(receive_frames(socket, frames));
  EXPECT_TRUE(frames.parts.empty());
}

TEST(FramesTest, AFullPeerIsReportedAndNoMessageIsTorn) {
  zmq::context_t context = make_context();
  zmq::socket_t backend = make_proxy_backend(context);
  backend.set(zmq::sockopt::sndhwm, 5);
  const std::string address = bound(backend, "inproc://full");
  zmq::socket_t stalled(context, zmq::socket_type::xsub);
  stalled.set(zmq::sockopt::rcvhwm, 5);
  ASSERT_TRUE(connect_socket(stalled, address));
  send_subscribe(stalled, "m");
  ASSERT_EQ(receive(backend), std::vector<std::string>{"\x01m"});
  int sent = 0;
  while (sent < 1000 && send_frames(backend, {"m", "payload", "token"})) ++sent;
  EXPECT_EQ(sent, 10);
  for (int i = 0; i < sent; ++i) EXPECT_EQ(receive(stalled), (std::vector<std::string>{"m", "payload", "token"}));
  // libzmq looks for news of the reader only now and then while sending, but always when asked for its events.
  ASSERT_NE(backend.get(zmq::sockopt::events) & ZMQ_POLLOUT, 0);
  EXPECT_TRUE(send_frames(backend, {"m", "again"}));
  EXPECT_EQ(receive(stalled), (std::vector<std::string>{"m", "again"}));
}

TEST(PollerTest, SocketsAndDescriptorsAreWatchedTogether) {
  zmq::context_t context = make_context();
  zmq::socket_t left(context, zmq::socket_type::pair);
  zmq::socket_t right(context, zmq::socket_type::pair);
  ASSERT_TRUE(connect_socket(right, bound(left, "inproc://poll")));
  Wakeup wakeup;
  Poller poller;
  const std::size_t socket_index = poller.add(right);
  const std::size_t wakeup_index = poller.add(wakeup.fd());
  poller.wait(0ms);
  EXPECT_FALSE(poller.readable(socket_index));
  EXPECT_FALSE(poller.readable(wakeup_index));

  std::jthread notifier([&wakeup] { wakeup.notify(); });
  poller.wait(-1ms);
  EXPECT_FALSE(poller.readable(socket_index));
  EXPECT_TRUE(poller.readable(wakeup_index));

  wakeup.clear();
  send_frames(left, {"x"});
  poller.wait(-1ms);
  EXPECT_TRUE(poller.readable(socket_index));
  EXPECT_FALSE(poller.readable(wakeup_index));
}

TEST(PollerTest, ASignalEndsTheWaitWithoutAnError) {
  std::signal(SIGUSR1, [](int) {});
  Wakeup never;
  Poller poller;
  const std::size_t index = poller.add(never.fd());
  std::atomic<bool> returned = false;
  const pthread_t waiting = pthread_self();
  // Repeats, because the first signals may come before the wait.
  std::jthread signaller([&returned, waiting] {
    while (!returned) {
      pthread_kill(waiting, SIGUSR1);
      std::this_thread::sleep_for(1ms);
    }
  });
  poller.wait(testing::kDeadline);
  returned = true;
  signaller.join();
  EXPECT_FALSE(poller.readable(index));
  std::signal(SIGUSR1, SIG_DFL);
}

}  // namespace
}  // namespace skillscale
