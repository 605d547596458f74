// Lines of a skill's events descriptor: a progress, or an error that says why not.
#include "protocol/event_line.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/utf8.h"

namespace skillscale {
namespace {

TEST(EventLineTest, ProgressAndMessageAreTaken) {
  const auto line = parse_event_line(R"({"progress": 0.4, "message": "page 2 of 5"})");
  ASSERT_TRUE(line) << line.error();
  EXPECT_EQ(line->progress, 0.4);
  EXPECT_EQ(line->message, "page 2 of 5");
}

TEST(EventLineTest, TheMessageMayBeLeftOut) {
  const auto line = parse_event_line(R"({"progress":1})");
  ASSERT_TRUE(line) << line.error();
  EXPECT_EQ(line->progress, 1);
  EXPECT_EQ(line->message, "");
}

TEST(EventLineTest, BlanksAndACarriageReturnDoNotMatter) { EXPECT_TRUE(parse_event_line(" { \"progress\" : 0 } \r")); }

TEST(EventLineTest, WhatIsNoProgressIsRefused) {
  for (const std::string_view line : {"",
                                      " ",
                                      "0.4",
                                      "null",
                                      "[]",
                                      "{}",
                                      "{",
                                      "}",
                                      "working",
                                      R"({"message":"only"})",
                                      R"({"progress":null})",
                                      R"({"progress":"0.4"})",
                                      R"({"progress":40})",
                                      R"({"progress":-0.01})",
                                      R"({"progress":1.0001})",
                                      R"({"progress":1e999})",
                                      R"({"progress":NaN})",
                                      R"({"progress":[0.4]})",
                                      R"({"progress":{"a":1}})",
                                      R"({"progress":true})",
                                      R"({"progress":0.4,"message":5})",
                                      R"({"progress":0.4,"message":["a"]})",
                                      R"({"progress":0.4}{"progress":0.5})",
                                      R"({"progress":0.4},)",
                                      R"({'progress':0.4})",
                                      "{\"progress\":0.4,\"message\":\"\xff\"}",
                                      "{\"progress\":0.4,\"message\":\"a\nb\"}"}) {
    const auto parsed = parse_event_line(line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_request) << line;
    EXPECT_TRUE(is_valid_utf8(parsed.error().detail)) << line;
    EXPECT_LT(parsed.error().detail.size(), 400U) << line;
  }
}

TEST(EventLineTest, ATruncatedLineIsRefused) {
  const std::string line = R"({"progress": 0.4, "message": "page"})";
  for (std::size_t size = 0; size < line.size(); ++size) EXPECT_FALSE(parse_event_line(line.substr(0, size)));
}

TEST(EventLineTest, ALongMessageIsCutBetweenCharacters) {
  std::string message;
  while (message.size() < 2 * limits::kEventMessageBytesMax) message += "a€";
  const auto line = parse_event_line(R"({"progress":0.4,"message":")" + message + "\"}");
  ASSERT_TRUE(line) << line.error();
  EXPECT_LE(line->message.size(), limits::kEventMessageBytesMax);
  EXPECT_GT(line->message.size(), limits::kEventMessageBytesMax - 4);
  EXPECT_TRUE(is_valid_utf8(line->message));
}

TEST(EventLineTest, AHugeOrDeepLineIsRefused) {
  EXPECT_FALSE(
      parse_event_line(R"({"progress":0.4,"message":")" + std::string(limits::kEventLineBytesMax, 'x') + "\"}"));
  std::string deep = R"({"progress":0.4,"more":)";
  for (int level = 0; level < 1000; ++level) deep += "[";
  EXPECT_FALSE(parse_event_line(deep));
}

}  // namespace
}  // namespace skillscale
