#include "agent-client/command_text.h"

#include <gtest/gtest.h>

namespace skillscale::agent {
namespace {

using namespace std::chrono_literals;

Reply failure(const std::string& code, bool from_client) {
  Reply reply;
  reply.code = code;
  reply.error = "why";
  reply.from_client = from_client;
  return reply;
}

TEST(ExitStatusTest, SaysHowThePublishingEnded) {
  Reply success;
  success.success = true;
  EXPECT_EQ(exit_status(success), 0);
  EXPECT_EQ(exit_status(failure("skill_failed", false)), 1);
  EXPECT_EQ(exit_status(failure("no_skill_server", false)), 1);
  EXPECT_EQ(exit_status(failure("invalid_request", true)), 2);
  EXPECT_EQ(exit_status(failure("too_large", true)), 2);
  EXPECT_EQ(exit_status(failure("no_answer", true)), 3);
  EXPECT_EQ(exit_status(failure("unreachable", true)), 4);
  EXPECT_EQ(exit_status(failure("cancelled", true)), 130);
}

TEST(ExitStatusTest, AServerCannotPretendToBeTheClient) {
  EXPECT_EQ(exit_status(failure("cancelled", false)), 1);
  EXPECT_EQ(exit_status(failure("no_answer", false)), 1);
}

using Proxies = std::vector<Proxy>;

TEST(ProxiesTest, TheDefaultIsLoopback) {
  const auto proxies = choose_proxies({}, {}, {});
  ASSERT_TRUE(proxies);
  EXPECT_EQ(proxies.value(), (Proxies{{"tcp://127.0.0.1:5444", "tcp://127.0.0.1:5555"}}));
}

TEST(ProxiesTest, FlagsGoBeforeTheEnvironment) {
  const auto proxies = choose_proxies({"tcp://a:1,tcp://a:2", "tcp://b:1, ipc:///run/b"}, "tcp://c:1", "tcp://c:2");
  ASSERT_TRUE(proxies) << proxies.error();
  EXPECT_EQ(proxies.value(), (Proxies{{"tcp://a:1", "tcp://a:2"}, {"tcp://b:1", "ipc:///run/b"}}));
}

TEST(ProxiesTest, TheEnvironmentMayNameSeveral) {
  const auto proxies = choose_proxies({}, "tcp://a:1,tcp://b:1", "tcp://a:2, tcp://b:2");
  ASSERT_TRUE(proxies) << proxies.error();
  EXPECT_EQ(proxies.value(), (Proxies{{"tcp://a:1", "tcp://a:2"}, {"tcp://b:1", "tcp://b:2"}}));
}

TEST(ProxiesTest, OneVariableAloneKeepsTheDefaultOfTheOther) {
  const auto proxies = choose_proxies({}, "tcp://127.0.0.1:6444", {});
  ASSERT_TRUE(proxies) << proxies.error();
  EXPECT_EQ(proxies.value(), (Proxies{{"tcp://127.0.0.1:6444", "tcp://127.0.0.1:5555"}}));
}

TEST(ProxiesTest, RefusalsSayWhere) {
  const auto refusal = [](const auto& result) {
    EXPECT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_config);
    return result.error().detail;
  };
  EXPECT_NE(refusal(choose_proxies({"tcp://a:1"}, {}, {})).find("--proxy"), std::string::npos);
  EXPECT_NE(refusal(choose_proxies({"tcp://a:1,tcp://a:70000"}, {}, {})).find("70000"), std::string::npos);
  EXPECT_NE(refusal(choose_proxies({}, "tcp://a:1,tcp://b:1", "tcp://a:2")).find("SKILLSCALE_PROXY_XPUB"),
            std::string::npos);
  EXPECT_NE(refusal(choose_proxies({}, "nonsense", {})).find("nonsense"), std::string::npos);
}

TEST(SummaryTest, SaysSkillTimeAndServer) {
  Reply reply;
  reply.success = true;
  reply.skill = "csv-analyzer";
  reply.version = "1.2";
  reply.server = "4f2a";
  reply.elapsed = 143'400us;
  reply.run_ms = 9.96;
  reply.attempt = 2;
  EXPECT_EQ(summary_line(reply), "csv-analyzer 1.2, 143 ms (run 10.0 ms), server 4f2a, attempt 2");
}

TEST(SummaryTest, ShortTimesKeepATenth) {
  Reply reply;
  reply.elapsed = 640us;
  EXPECT_EQ(summary_line(reply), "answered, 0.6 ms");
}

TEST(SummaryTest, NamesFromStrangersAreMadeSafe) {
  Reply reply;
  reply.skill = "\x1b[2J";
  EXPECT_EQ(summary_line(reply).find('\x1b'), std::string::npos);
}

TEST(FailureTest, SaysWhatToDo) {
  const auto text = failure_text(failure("unreachable", true), {Proxy{}});
  EXPECT_NE(text.find("unreachable: why"), std::string::npos);
  EXPECT_NE(text.find("tcp://127.0.0.1:5444"), std::string::npos);
  EXPECT_NE(text.find("skillscale_proxy"), std::string::npos);
}

TEST(FailureTest, ShowsTheEndOfStandardErrorOnce) {
  auto reply = failure("skill_failed", false);
  reply.stderr_tail = "Traceback: \x1b[31mboom";
  EXPECT_EQ(failure_text(reply, {}), "skill_failed: why\nTraceback: \\x1b[31mboom\n");
  reply.error = reply.stderr_tail;
  EXPECT_EQ(failure_text(reply, {}), "skill_failed: Traceback: \\x1b[31mboom\n");
}

TEST(SplitLineTest, BlanksSeparateAndQuotesKeepTogether) {
  const auto words = [](std::string_view line) { return split_line(line).value(); };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words("  pub\tT  hello \n"), (Words{"pub", "T", "hello"}));
  EXPECT_EQ(words("pub T \"a b\" 'c \"d\"'"), (Words{"pub", "T", "a b", "c \"d\""}));
  EXPECT_EQ(words("don't stop"), (Words{"don't", "stop"}));
  EXPECT_EQ(words("\"\" x"), (Words{"", "x"}));
  EXPECT_EQ(words("  "), Words{});
  EXPECT_FALSE(split_line("pub \"open"));
}

}  // namespace
}  // namespace skillscale::agent
