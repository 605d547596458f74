#include "daemon/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "daemon/config.h"
#include "daemon/log_line.h"

namespace skillscale::log {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

WallTime at(std::int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

TEST(LogLineTest, TimeIsUtcWithMilliseconds) {
  EXPECT_EQ(timestamp(at(1795230245123)), "2026-11-21T03:04:05.123Z");
  EXPECT_EQ(timestamp(at(1795230245007)), "2026-11-21T03:04:05.007Z");
  EXPECT_EQ(timestamp(at(0)), "1970-01-01T00:00:00.000Z");
}

TEST(LogLineTest, LevelsAreEquallyWide) {
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error}) {
    EXPECT_EQ(padded_name_of(level).size(), 5U);
  }
}

TEST(LogLineTest, TextHasTheMessageAndEachField) {
  EXPECT_EQ(text_line("intent accepted", {{"request_id", "r-1"},
                                          {"topic", std::string("TOPIC_A")},
                                          {"bytes", 42},
                                          {"offset", -1},
                                          {"token", std::numeric_limits<std::uint64_t>::max()},
                                          {"seconds", 0.25},
                                          {"retry", false}}),
            "intent accepted request_id=r-1 topic=TOPIC_A bytes=42 offset=-1 token=18446744073709551615 "
            "seconds=0.25 retry=false");
}

TEST(LogLineTest, TextQuotesValuesThatWouldBeAmbiguous) {
  EXPECT_EQ(text_line("m", {{"a", ""}, {"b", "two words"}, {"c", "x=y"}, {"d", "say \"hi\""}, {"e", "back\\slash"}}),
            R"(m a="" b="two words" c="x=y" d="say \"hi\"" e="back\\slash")");
}

TEST(LogLineTest, TextKeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(
      text_line("caf\xc3\xa9", {{"k", "\xe2\x82\xac"}, {"bad", "a\xff"}, {"none", static_cast<const char*>(nullptr)}}),
      "caf\xc3\xa9 k=\xe2\x82\xac bad=a\xef\xbf\xbd none=\"\"");
}

// What a stranger sends must not be able to make a line, or to drive a terminal.
TEST(LogLineTest, TextEscapesControlCharactersEverywhere) {
  EXPECT_EQ(text_line("a\nb", {{"k", "1\r\n2026-11-21T00:00:00.000Z ERROR forged"}}),
            R"(a\nb k="1\r\n2026-11-21T00:00:00.000Z ERROR forged")");
  EXPECT_EQ(text_line("\x1b[31mred\x7f\t", {}), R"(\u001b[31mred\u007f\t)");
  EXPECT_EQ(text_line("m", {{"c1",
                             "\xc2\x9b"
                             "31m"},
                            {"bidi",
                             "\xe2\x80\xae"
                             "x"},
                            {"line", "\xe2\x80\xa8"}}),
            R"(m c1="\u009b31m" bidi="\u202ex" line="\u2028")");
  EXPECT_EQ(text_line("m", {{"k\n=", 1}, {"nul", std::string_view("\0", 1)}}), R"(m k\n==1 nul="\u0000")");
}

TEST(LogLineTest, JsonHasAMemberForEachField) {
  EXPECT_EQ(json_line(at(1795230245123), Level::warn, "skillscale_proxy", "slow\n",
                      {{"request_id", "r\"1"}, {"ms", 7}, {"load", 0.5}, {"ok", true}, {"bad", "\xff"}}),
            "{\"time\":\"2026-11-21T03:04:05.123Z\",\"level\":\"warn\",\"program\":\"skillscale_proxy\","
            "\"message\":\"slow\\n\",\"request_id\":\"r\\\"1\",\"ms\":7,\"load\":0.5,\"ok\":true,"
            "\"bad\":\"\xef\xbf\xbd\"}");
}

TEST(LogLineTest, JsonIsOneValidLineWhateverItHolds) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const std::string line = json_line(at(0), Level::info, bytes, bytes,
                                     {{bytes, bytes},
                                      {"nan", std::numeric_limits<double>::quiet_NaN()},
                                      {"big", std::numeric_limits<std::uint64_t>::max()}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  ASSERT_FALSE(parsed.is_discarded());
  EXPECT_TRUE(parsed["nan"].is_null());
  EXPECT_EQ(parsed["big"].get<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
}

TEST(LogLineTest, AFieldCannotReplaceWhatEveryJsonLineHas) {
  const auto parsed =
      nlohmann::json::parse(json_line(at(0), Level::info, "p", "real", {{"message", "forged"}, {"level", 1}}));
  EXPECT_EQ(parsed["message"], "real");
  EXPECT_EQ(parsed["level"], "info");
}

// The log is set up once per process, so each of these has one of its own.
class LoggingDeathTest : public ::testing::Test {
 protected:
  LoggingDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void write_before_start() {
  debug("hidden");
  info("shown", {{"k", 1}});
  std::exit(enabled(Level::info) && !enabled(Level::debug) ? 0 : 1);
}

TEST_F(LoggingDeathTest, WorksBeforeStartAsTextFromInfo) {
  EXPECT_EXIT(write_before_start(), ::testing::ExitedWithCode(0),
              AllOf(MatchesRegex("20[0-9-]+T[0-9:]+[.][0-9][0-9][0-9]Z INFO  shown k=1\n"), Not(HasSubstr("hidden"))));
}

[[noreturn]] void write_each_level(Level least) {
  start("program", least, Format::text);
  debug("d");
  info("i");
  warn("w");
  error("e");
  std::exit(0);
}

TEST_F(LoggingDeathTest, WritesFromTheLevelOn) {
  EXPECT_EXIT(write_each_level(Level::debug), ::testing::ExitedWithCode(0),
              MatchesRegex(".*Z DEBUG d\n.*Z INFO  i\n.*Z WARN  w\n.*Z ERROR e\n"));
  EXPECT_EXIT(write_each_level(Level::warn), ::testing::ExitedWithCode(0),
              MatchesRegex("[^\n]*Z WARN  w\n[^\n]*Z ERROR e\n"));
}

TEST_F(LoggingDeathTest, HasNoColourWhenStderrIsNoTerminal) {
  EXPECT_EXIT(write_each_level(Level::error), ::testing::ExitedWithCode(0), Not(HasSubstr("\x1b")));
}

TEST_F(LoggingDeathTest, StartingTwiceAborts) {
  EXPECT_DEATH(
      {
        start("program", Level::info, Format::text);
        start("program", Level::info, Format::text);
      },
      "broken invariant");
}

constexpr int kThreads = 4;
constexpr int kLinesEach = 250;

[[noreturn]] void write_from_many_threads() {
  start_log("program", {.log_level = "debug", .log_format = "json"});
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([thread] {
        for (int i = 0; i < kLinesEach; ++i) debug("line\nof", {{"thread", thread}, {"i", i}});
      });
    }
  }
  std::exit(0);
}

MATCHER(IsEveryJsonLineOnce, "") {
  std::istringstream lines{std::string(arg)};
  std::vector<int> next(kThreads);
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (parsed.is_discarded() || parsed["message"] != "line\nof" || parsed["program"] != "program") return false;
    int& expected = next.at(parsed["thread"].get<std::size_t>());
    if (parsed["i"] != expected) return false;
    ++expected;
  }
  return next == std::vector<int>(kThreads, kLinesEach);
}

TEST_F(LoggingDeathTest, LinesOfManyThreadsStayWholeAndInOrder) {
  EXPECT_EXIT(write_from_many_threads(), ::testing::ExitedWithCode(0), IsEveryJsonLineOnce());
}

}  // namespace
}  // namespace skillscale::log
