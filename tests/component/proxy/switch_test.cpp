// The switch with real sockets: what agents, members and strangers see of it.
#include "proxy/switch.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/random_id.h"
#include "bus/sockets.h"
#include "protocol/event.h"
#include "protocol/fabric.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

class SwitchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Blocked before the first thread, so that the switch's thread alone takes it.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::atomic<bool> bound = false;
    thread_ = std::thread([this, &bound] {
      SwitchSettings settings;
      settings.xsub_endpoint = settings.xpub_endpoint = "tcp://127.0.0.1:*";
      auto hub = Switch::bind(settings, context_, clock_, board_);
      SK_CHECK(hub);
      xsub_ = (*hub)->xsub_endpoint();
      xpub_ = (*hub)->xpub_endpoint();
      auto shutdown = Shutdown::on_signals({SIGUSR1});
      bound = true;
      bound.notify_one();
      (*hub)->run(shutdown);
    });
    bound.wait(false);
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }

  // Connected, with the proxy's subscription received: nothing that it sends is lost.
  zmq::socket_t publisher() {
    zmq::socket_t socket = make_agent_publisher(context_, false);
    socket.set(zmq::sockopt::linger, 0);
    SK_CHECK(connect_socket(socket, xsub_));
    EXPECT_EQ(receive(socket), std::vector<std::string>{"\x01"});
    return socket;
  }
  // Subscribed, with the proxy's echo received: nothing that it should get is lost.
  zmq::socket_t subscriber(const std::string& topic) {
    zmq::socket_t socket = make_agent_subscriber(context_);
    SK_CHECK(connect_socket(socket, xpub_));
    socket.set(zmq::sockopt::subscribe, topic);
    const std::string barrier = barrier_name(random_id());
    socket.set(zmq::sockopt::subscribe, barrier);
    EXPECT_EQ(receive(socket), std::vector<std::string>{barrier});
    return socket;
  }
  struct Member {
    std::string name;
    zmq::socket_t upstream;
  };
  Member join(const std::string& topic, std::uint32_t credits = 4) {
    Member result{encode_member_name({topic, "default", random_id(), credits}), make_server_subscriber(context_)};
    SK_CHECK(connect_socket(result.upstream, xpub_));
    send_subscribe(result.upstream, result.name);
    return result;
  }
  // A member that the proxy knows by now.
  Member member(const std::string& topic, std::uint32_t credits = 4) {
    Member result = join(topic, credits);
    const std::string barrier = barrier_name(random_id());
    send_subscribe(result.upstream, barrier);
    EXPECT_EQ(receive(result.upstream), std::vector<std::string>{barrier});
    return result;
  }

  // The frames of the next message; empty after five seconds without one.
  static std::vector<std::string> receive(zmq::socket_t& socket) {
    Poller poller;
    poller.add(socket);
    Frames frames;
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < end) {
      if (receive_frames(socket, frames)) {
        std::vector<std::string> parts;
        for (const auto& part : frames.parts) parts.push_back(part.to_string());
        return parts;
      }
      poller.wait(100ms);
    }
    return {};
  }
  static std::string intent(const std::string& request, const std::string& reply_to) {
    return Json{{"request_id", request}, {"reply_to", reply_to}, {"intent", "do it"}}.dump();
  }
  static std::string reply(const std::string& request) {
    return Json{{"request_id", request}, {"status", "success"}, {"content", "done"}}.dump();
  }

  zmq::context_t context_ = make_context();
  SystemClock clock_;
  LoadBoard board_;
  std::string xsub_;
  std::string xpub_;
  std::thread thread_;
};

TEST_F(SwitchTest, AnIntentGoesToAMemberAndItsReplyToTheAgent) {
  auto server = member("TOPIC_A");
  auto replies = publisher();
  auto agent = publisher();
  auto inbox = subscriber("AGENT_REPLY_1");
  send_frames(agent, {"TOPIC_A", intent("r1", "AGENT_REPLY_1")});
  const auto dispatched = receive(server.upstream);
  ASSERT_EQ(dispatched.size(), 3U);
  EXPECT_EQ(dispatched[0], server.name);
  EXPECT_EQ(dispatched[1], intent("r1", "AGENT_REPLY_1"));
  send_frames(replies, {"AGENT_REPLY_1", reply("r1"), dispatched[2]});
  EXPECT_EQ(receive(inbox), (std::vector<std::string>{"AGENT_REPLY_1", reply("r1")})) << "the token is stripped";
}

TEST_F(SwitchTest, EventsPassInOrderBeforeTheirReplyAndAreCountedApart) {
  auto server = member("TOPIC_A");
  auto events = publisher();
  auto agent = publisher();
  auto inbox = subscriber("AGENT_REPLY_1");
  send_frames(agent, {"TOPIC_A", intent("r1", "AGENT_REPLY_1")});
  const auto dispatched = receive(server.upstream);
  ASSERT_EQ(dispatched.size(), 3U);
  // Text that looks like an intent changes nothing, and an event to a served topic is no intent.
  const std::string event = R"({"event":"stdout","seq":2,"request_id":"r1","data":"{\"reply_to\":\"X\"}"})";
  send_frames(events, {"AGENT_REPLY_1", event, kEventFrame});
  send_frames(events, {"NOBODY", intent("r2", "AGENT_REPLY_1"), kEventFrame});
  send_frames(events, {"TOPIC_A", intent("r3", "AGENT_REPLY_1"), kEventFrame});
  send_frames(events, {"AGENT_REPLY_1", reply("r1"), dispatched[2]});
  EXPECT_EQ(receive(inbox), (std::vector<std::string>{"AGENT_REPLY_1", event}));
  EXPECT_EQ(receive(inbox), (std::vector<std::string>{"AGENT_REPLY_1", reply("r1")}));
  const auto end = clock_.steady_now() + 5s;
  const auto counted = [this] {
    const auto load = board_.latest();
    const auto line = std::ranges::find(load->traffic, "@events", &Traffic::Line::topic);
    return line == load->traffic.end() ? TrafficCount{} : line->count;
  };
  while (counted().messages_in < 3 && clock_.steady_now() < end) std::this_thread::yield();
  EXPECT_EQ(counted().messages_in, 3U);
  EXPECT_EQ(counted().messages_out, 1U);
  EXPECT_EQ(counted().dropped, 2U);
}

TEST_F(SwitchTest, AStartIsGrantedToTheMemberThatAsked) {
  auto server = member("TOPIC_A");
  auto agent = publisher();
  send_frames(agent, {"TOPIC_A", intent("r1", "AGENT_REPLY_1")});
  const auto dispatched = receive(server.upstream);
  ASSERT_EQ(dispatched.size(), 3U);
  send_frames(server.upstream, {encode_start({dispatched[2], false, 1000ms})});
  EXPECT_EQ(receive(server.upstream), (std::vector<std::string>{server.name, std::string(kGoFrame), dispatched[2]}));
}

TEST_F(SwitchTest, TheEndOfAConnectionIsTheEndOfAMember) {
  auto agent = publisher();
  auto inbox = subscriber("AGENT_REPLY_1");
  std::vector<std::string> dispatched;
  {
    auto server = member("TOPIC_A");
    send_frames(agent, {"TOPIC_A", intent("r1", "AGENT_REPLY_1")});
    dispatched = receive(server.upstream);
    ASSERT_EQ(dispatched.size(), 3U);
  }
  auto other = join("TOPIC_A");
  const auto again = receive(other.upstream);
  ASSERT_GE(again.size(), 3U);
  EXPECT_EQ(again[1], dispatched[1]);
  EXPECT_NE(again[2], dispatched[2]);
}

TEST_F(SwitchTest, PlainPublishersReachPlainSubscribers) {
  auto one = subscriber("news");
  auto two = subscriber("news");
  auto agent = publisher();
  send_frames(agent, {"news.today", "anything, not even JSON", "a third frame"});
  const std::vector<std::string> expected{"news.today", "anything, not even JSON", "a third frame"};
  EXPECT_EQ(receive(one), expected);
  EXPECT_EQ(receive(two), expected);
}

TEST_F(SwitchTest, AMessageThatIsTooLargeIsAnswered) {
  auto inbox = subscriber("AGENT_REPLY_1");
  auto agent = publisher();
  Json large = Json::parse(intent("r1", "AGENT_REPLY_1"));
  large["stdin"] = std::string(17 * limits::kMiB, 'x');
  send_frames(agent, {"TOPIC_A", large.dump()});
  const auto answer = receive(inbox);
  ASSERT_EQ(answer.size(), 2U);
  EXPECT_EQ(Json::parse(answer[1])["code"], "too_large");
  EXPECT_EQ(Json::parse(answer[1])["request_id"], "r1");
}

TEST_F(SwitchTest, RubbishIsCountedAndChangesNothing) {
  auto server = member("TOPIC_A");
  auto inbox = subscriber("AGENT_REPLY_1");
  auto agent = publisher();
  const std::string zeros(16, '\0');
  send_frames(agent, {"one frame"});
  send_frames(agent, {"", ""});
  send_frames(agent, {"a", "b", "c", "d", "e", "f"});
  send_frames(agent, {"@cancel", "not JSON"});
  send_frames(agent, {"@unknown", "{}"});
  send_frames(agent, {"AGENT_REPLY_1", reply("r"), zeros});
  for (const std::string said : {"@s", "@b", "@a", "@l", "@", "x"}) send_frames(server.upstream, {said});
  send_frames(server.upstream, {"@b" + zeros});
  send_subscribe(server.upstream, "@g/not/a/member");
  send_subscribe(server.upstream, std::string(100000, 'p'));
  send_frames(agent, {"TOPIC_A", "\xff\xfe"});
  send_frames(agent, {"TOPIC_A", intent("r1", "AGENT_REPLY_1")});
  // The broken intent was passed to the member: the straight path does not open it.
  ASSERT_EQ(receive(server.upstream).at(1), "\xff\xfe");
  ASSERT_EQ(receive(server.upstream).at(1), intent("r1", "AGENT_REPLY_1"));
}

TEST_F(SwitchTest, StatsArePublishedToWhoSubscribes) {
  auto server = member("TOPIC_A", 7);
  auto watcher = subscriber("@stats");
  const auto stats = receive(watcher);
  ASSERT_EQ(stats.size(), 2U);
  const Json json = Json::parse(stats[1]);
  EXPECT_EQ(json["topics"][0]["topic"], "TOPIC_A");
  EXPECT_EQ(json["topics"][0]["credits"], 7);
  EXPECT_EQ(json["members"], 1);
}

TEST_F(SwitchTest, AStoppingSwitchAnswersWhatItHolds) {
  auto inbox = subscriber("AGENT_REPLY_1");
  auto agent = publisher();
  send_frames(agent, {"TOPIC_A", intent("r1", "AGENT_REPLY_1")});
  send_frames(agent, {"TOPIC_A", "{}"});  // Counted as malformed once the one before it has arrived.
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (board_.latest()->counters.malformed == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  pthread_kill(thread_.native_handle(), SIGUSR1);
  const auto answer = receive(inbox);
  ASSERT_EQ(answer.size(), 2U);
  EXPECT_EQ(Json::parse(answer[1])["code"], "draining");
  thread_.join();
}

TEST(SwitchBindTest, ATakenPortIsNamed) {
  zmq::context_t context = make_context();
  zmq::socket_t holder = make_proxy_frontend(context);
  const std::string taken = *bind_socket(holder, "tcp://127.0.0.1:*");
  const SystemClock clock;
  LoadBoard board;
  SwitchSettings settings;
  settings.xsub_endpoint = taken;
  settings.xpub_endpoint = "tcp://127.0.0.1:*";
  const auto hub = Switch::bind(settings, context, clock, board);
  ASSERT_FALSE(hub);
  EXPECT_NE(hub.error().detail.find(taken), std::string::npos) << hub.error().detail;
}

}  // namespace
}  // namespace skillscale
