#include "daemon/admin_http.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "os/fd.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::chrono::milliseconds kDeadline = 20s;

Fd connect_to(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket.reset();
  return socket;
}

void send_text(const Fd& socket, std::string_view text) {
  ASSERT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

// Everything up to the end of the connection.
std::string receive_all(const Fd& socket) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd wait{socket.get(), POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(kDeadline.count())) != 1) return text + "<no end in time>";
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

class AdminHttpTest : public ::testing::Test {
 protected:
  void serve(AdminHttp::Settings settings = {.bind = "127.0.0.1"},
             std::map<std::string, AdminHttp::Handler> routes = {}) {
    auto started = AdminHttp::start(
        settings, registry_, [this] { return ready_.load(); }, std::move(routes));
    ASSERT_TRUE(started) << started.error();
    http_.emplace(*std::move(started));
    ASSERT_NE(http_->port(), 0);
  }

  std::string exchange(std::string_view request) {
    const Fd socket = connect_to(http_->port());
    EXPECT_TRUE(socket);
    send_text(socket, request);
    return receive_all(socket);
  }
  std::string request(const std::string& method, const std::string& path) {
    return exchange(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  std::string get(const std::string& path) { return request("GET", path); }

  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  std::atomic<bool> ready_{true};
  std::optional<AdminHttp> http_;
};

std::string body_of(const std::string& reply) {
  const std::size_t end = reply.find("\r\n\r\n");
  return end == std::string::npos ? "<no body>" : reply.substr(end + 4);
}

TEST_F(AdminHttpTest, IsAliveWhileItAnswers) {
  serve();
  EXPECT_EQ(get("/healthz"),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: 16\r\n"
            "Cache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n"
            "\r\n"
            "{\"status\":\"ok\"}\n");
}

TEST_F(AdminHttpTest, IsReadyWhenTheProgramSaysSo) {
  serve();
  EXPECT_THAT(get("/readyz"), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("{\"status\":\"ready\"}\n")));
  ready_ = false;
  EXPECT_THAT(get("/readyz"),
              AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"), EndsWith("{\"status\":\"not_ready\"}\n")));
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminHttpTest, HeadIsGetWithoutTheBody) {
  serve();
  const std::string with_body = get("/healthz");
  EXPECT_EQ(request("HEAD", "/healthz"), with_body.substr(0, with_body.find("\r\n\r\n") + 4));
}

TEST_F(AdminHttpTest, RefusesOtherMethodsAndSaysWhichAreAllowed) {
  serve();
  for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    EXPECT_THAT(request(method, "/healthz"),
                AllOf(StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"), HasSubstr("\r\nAllow: GET, HEAD\r\n")))
        << method;
  }
  EXPECT_THAT(exchange("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 405 "));
}

TEST_F(AdminHttpTest, UnknownPathsAreAnsweredWithTheKnownOnes) {
  serve({.bind = "127.0.0.1"}, {{"/v1/topics", [](std::string_view) { return HttpReply{}; }}});
  for (const std::string path :
       {"/", "/nothing", "/healthz/", "/healthzz", "/v1/topics/", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"}) {
    const std::string reply = get(path);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 404 Not Found\r\n")) << path;
    const auto body = nlohmann::json::parse(body_of(reply), nullptr, false);
    EXPECT_EQ(body["error"], "not_found");
    EXPECT_EQ(body["paths"], nlohmann::json({"/healthz", "/metrics", "/readyz", "/v1/topics"}));
  }
}

TEST_F(AdminHttpTest, RoutesGetWhatFollowsThemDecoded) {
  const auto echo = [](std::string name) {
    return [name](std::string_view rest) {
      return HttpReply{.status = 200, .content_type = "text/plain", .body = name + "[" + std::string(rest) + "]"};
    };
  };
  serve({.bind = "127.0.0.1"}, {{"/v1/scale/", echo("scale")}, {"/v1/", echo("v1")}, {"/v1/topics", echo("topics")}});
  EXPECT_EQ(body_of(get("/v1/scale/TOPIC_A")), "scale[TOPIC_A]");
  EXPECT_EQ(body_of(get("/v1/scale/TOPIC%20A%2fb?x=1")), "scale[TOPIC A/b]");
  EXPECT_EQ(body_of(get("/v1/topics")), "topics[]");
  EXPECT_EQ(body_of(get("/v1/topics/a")), "v1[topics/a]");
  EXPECT_EQ(body_of(get("/v1/")), "v1[]");
}

TEST_F(AdminHttpTest, AHandlerThatThrowsIsAnInternalError) {
  serve({.bind = "127.0.0.1"}, {{"/bad", [](std::string_view) -> HttpReply { throw std::runtime_error("secret"); }}});
  ::testing::internal::CaptureStderr();
  const std::string reply = get("/bad");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("admin request failed path=/bad error=secret"));
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
  EXPECT_EQ(body_of(reply), "{\"error\":\"internal\"}\n");
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminHttpTest, MetricsAreThoseOfTheProgramAndOfTheProcess) {
  auto& counters = prometheus::BuildCounter().Name("skillscale_test_total").Help("Tests.").Register(*registry_);
  counters.Add({{"topic", "a\"b\\c\nd"}}).Increment(3);
  serve();
  const std::string reply = get("/metrics");
  EXPECT_THAT(reply, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                           HasSubstr("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
                           HasSubstr("# HELP skillscale_test_total Tests.\n# TYPE skillscale_test_total counter\n"
                                     "skillscale_test_total{topic=\"a\\\"b\\\\c\\nd\"} 3\n")));
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
                           "process_start_time_seconds"}) {
    EXPECT_THAT(reply, HasSubstr("\n# TYPE " + std::string(name) + " ")) << name;
    EXPECT_THAT(reply, HasSubstr("\n" + std::string(name) + " ")) << name;
  }
}

double metric(const std::string& page, const std::string& name) {
  const std::size_t at = page.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::strtod(page.c_str() + at + name.size() + 2, nullptr);
}

TEST_F(AdminHttpTest, ProcessMetricsAreTrue) {
  serve();
  const std::string before = get("/metrics");
  std::vector<Fd> opened;
  for (int i = 0; i < 50; ++i) opened.emplace_back(::dup(STDERR_FILENO));
  const std::string after = get("/metrics");
  // The connection itself may or may not be closed yet.
  EXPECT_NEAR(metric(after, "process_open_fds") - metric(before, "process_open_fds"), 50, 2);
  EXPECT_GT(metric(after, "process_resident_memory_bytes"), 1e6);
  EXPECT_GE(metric(after, "process_cpu_seconds_total"), 0);
  const auto now = static_cast<double>(std::time(nullptr));
  EXPECT_NEAR(metric(after, "process_start_time_seconds"), now, 300);
}

TEST_F(AdminHttpTest, ARealPrometheusAcceptsTheMetrics) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  prometheus::BuildGauge().Name("skillscale_pending").Help("Intents that wait.").Register(*registry_).Add({}).Set(1.5);
  prometheus::BuildHistogram()
      .Name("skillscale_held_seconds")
      .Help("Time held.")
      .Register(*registry_)
      .Add({{"topic", "TOPIC_A"}}, prometheus::Histogram::BucketBoundaries{0.1, 1})
      .Observe(0.5);
  serve();
  std::string pattern = (std::filesystem::temp_directory_path() / "admin_http_test.XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  std::ofstream(folder / "metrics") << body_of(get("/metrics"));
  const std::string command =
      "promtool check metrics <" + (folder / "metrics").string() + " >" + (folder / "problems").string() + " 2>&1";
  const int status = std::system(command.c_str());
  std::ifstream problems(folder / "problems");
  EXPECT_EQ(status, 0) << problems.rdbuf();
  std::filesystem::remove_all(folder);
}

TEST_F(AdminHttpTest, RefusesRequestsThatAreTooLarge) {
  serve();
  const std::string reply = exchange("GET /healthz HTTP/1.1\r\nX: " + std::string(limits::kAdminRequestBytesMax, 'x'));
  EXPECT_THAT(reply, AllOf(StartsWith("HTTP/1.1 4"), HasSubstr("\r\nContent-Type: application/json\r\n")));
}

TEST_F(AdminHttpTest, RefusesWhatIsNoHttp) {
  serve();
  EXPECT_THAT(exchange("hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange(std::string("\0\1\2\r\n\r\n", 7)), ::testing::AnyOf("", StartsWith("HTTP/1.1 400 ")));
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminHttpTest, SurvivesAPeerThatHangsUpBeforeItsReply) {
  const std::string large(8 * limits::kMiB, 'x');
  serve({.bind = "127.0.0.1"}, {{"/large", [&](std::string_view) { return HttpReply{.body = large}; }}});
  for (int i = 0; i < 10; ++i) {
    const Fd socket = connect_to(http_->port());
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    send_text(socket, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(body_of(get("/large")).size(), large.size());
}

TEST_F(AdminHttpTest, IdleConnectionsDoNotKeepAProbeOut) {
  serve({.bind = "127.0.0.1", .request_timeout = 100ms});
  std::vector<Fd> idle;
  for (int i = 0; i < 20 * limits::kAdminThreads; ++i) idle.push_back(connect_to(http_->port()));
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminHttpTest, AnIdleConnectionIsClosed) {
  serve({.bind = "127.0.0.1", .request_timeout = 100ms});
  const Fd silent = connect_to(http_->port());
  EXPECT_THAT(receive_all(silent), ::testing::Not(EndsWith("<no end in time>")));
  const Fd slow = connect_to(http_->port());
  send_text(slow, "GET /hea");
  EXPECT_THAT(receive_all(slow), ::testing::Not(EndsWith("<no end in time>")));
}

TEST_F(AdminHttpTest, StopsAlthoughConnectionsAreIdle) {
  serve();
  std::vector<Fd> idle;
  for (int i = 0; i < 2 * limits::kAdminThreads; ++i) idle.push_back(connect_to(http_->port()));
  auto stopped = std::async(std::launch::async, [this] { http_.reset(); });
  EXPECT_EQ(stopped.wait_for(kDeadline), std::future_status::ready);
}

TEST_F(AdminHttpTest, AnswersManyAtOnce) {
  serve();
  std::atomic<int> answered = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 25; ++j) answered += get("/metrics").starts_with("HTTP/1.1 200 OK\r\n") ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(answered, 200);
}

TEST_F(AdminHttpTest, APortInUseIsNamedWithTheReason) {
  serve();
  const auto second = AdminHttp::start({.bind = "127.0.0.1", .port = http_->port()}, registry_, [] { return true; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::io_error);
  EXPECT_EQ(second.error().detail,
            "cannot listen on 127.0.0.1:" + std::to_string(http_->port()) + ": Address already in use");
}

TEST_F(AdminHttpTest, ThePortIsFreeAgainAfterwards) {
  serve();
  const std::uint16_t port = http_->port();
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  http_.reset();
  EXPECT_FALSE(connect_to(port));
  serve({.bind = "127.0.0.1", .port = port});
  EXPECT_EQ(http_->port(), port);
}

TEST_F(AdminHttpTest, AnAddressOfAnotherMachineIsNamedWithTheReason) {
  const auto started = AdminHttp::start({.bind = "192.0.2.1", .port = 9100}, registry_, [] { return true; });
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::io_error);
  EXPECT_EQ(started.error().detail, "cannot listen on 192.0.2.1:9100: Cannot assign requested address");
}

TEST_F(AdminHttpTest, OnlyAnAddressIsBound) {
  for (const std::string bind : {"", "localhost", "127.0.0.1:80", "127.0.0.1,0.0.0.0", "1.2.3", "[::1]"}) {
    const auto started = AdminHttp::start({.bind = bind}, registry_, [] { return true; });
    ASSERT_FALSE(started) << bind;
    EXPECT_EQ(started.error().code, ErrorCode::invalid_config);
    EXPECT_EQ(started.error().detail, "bind address \"" + bind + "\" is not allowed: an IPv4 or IPv6 address, or *");
  }
}

TEST_F(AdminHttpTest, AStarIsEveryAddress) {
  serve({.bind = "*"});
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminHttpTest, WritesNothingOfItsOwn) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  serve();
  get("/healthz");
  exchange("garbage\r\n\r\n");
  static_cast<void>(AdminHttp::start({.bind = "127.0.0.1", .port = http_->port()}, registry_, [] { return true; }));
  http_.reset();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace skillscale
