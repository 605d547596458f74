#include "bus/connection_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "bus/sockets.h"
#include "support/bus.h"

namespace skillscale {
namespace {

using Event = ConnectionWatch::Event;
using testing::bound;
using testing::TempFolder;

// The next event; `none` when there is none in time. Events that the watch
// swallows also wake the poller, hence the loop.
Event await(ConnectionWatch& watch) {
  const auto end = std::chrono::steady_clock::now() + testing::kDeadline;
  Poller poller;
  poller.add(watch.socket());
  Event event = watch.next();
  while (event == Event::none && std::chrono::steady_clock::now() < end) {
    poller.wait(std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()));
    event = watch.next();
  }
  return event;
}

TEST(ConnectionWatchTest, APeerThatComesAndGoesIsSeenEachTime) {
  const TempFolder folder;
  const std::string address = "ipc://" + folder.path() + "/proxy";
  zmq::context_t context = make_context();
  zmq::socket_t member = make_server_subscriber(context);
  ConnectionWatch watch(context, member);
  ASSERT_TRUE(connect_socket(member, address));
  EXPECT_EQ(watch.next(), Event::none);
  for (int i = 0; i < 3; ++i) {
    std::optional<zmq::socket_t> proxy(make_proxy_backend(context));
    proxy->set(zmq::sockopt::linger, 0);
    bound(*proxy, address);
    EXPECT_EQ(await(watch), Event::connected);
    proxy.reset();
    EXPECT_EQ(await(watch), Event::disconnected);
  }
  EXPECT_EQ(watch.next(), Event::none);
}

TEST(ConnectionWatchTest, ItWorksOverTcp) {
  zmq::context_t context = make_context();
  std::optional<zmq::socket_t> proxy(make_proxy_backend(context));
  const std::string address = bound(*proxy, "tcp://127.0.0.1:0");
  zmq::socket_t member = make_server_subscriber(context);
  ConnectionWatch watch(context, member);
  ASSERT_TRUE(connect_socket(member, address));
  EXPECT_EQ(await(watch), Event::connected);
  proxy.reset();
  EXPECT_EQ(await(watch), Event::disconnected);
}

TEST(ConnectionWatchTest, AConnectionThatBreaksDuringItsHandshakeWasNeverThere) {
  zmq::context_t context = make_context();
  zmq::socket_t stranger(context, zmq::socket_type::stream);
  const std::string address = bound(stranger, "tcp://127.0.0.1:0");
  zmq::socket_t member = make_server_subscriber(context);
  ConnectionWatch watch(context, member);
  ASSERT_TRUE(connect_socket(member, address));
  const auto first = testing::receive(stranger);  // STREAM announces a connection as [id, ""].
  ASSERT_EQ(first.size(), 2U);
  ASSERT_TRUE(send_frames(stranger, {first[0], ""}));  // And hangs up in the same way.
  // A second connection proves that the first is over.
  auto next = testing::receive(stranger);
  while (!next.empty() && next[0] == first[0]) next = testing::receive(stranger);
  EXPECT_EQ(next.size(), 2U);
  EXPECT_EQ(watch.next(), Event::none);
}

}  // namespace
}  // namespace skillscale
