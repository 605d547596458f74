// Messages that are made to hurt: each must be refused soon and name why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "protocol/codec.h"
#include "protocol/fabric.h"

namespace skillscale {
namespace {

using ::testing::HasSubstr;

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string with_intent(std::string_view json) {
  return R"({"request_id":"r","reply_to":"R","intent":)" + std::string(json) + "}";
}

std::string refusal(std::string_view bytes) {
  auto intent = decode_intent(bytes);
  EXPECT_FALSE(intent);
  return intent ? std::string() : intent.error().detail;
}

TEST(HostileTest, AMessagePastTheLimitIsTooLargeWithoutBeingRead) {
  const std::string bytes = with_intent("\"" + std::string(17 * limits::kMiB, 'x') + "\"");
  EXPECT_EQ(decode_intent(bytes).error().code, ErrorCode::too_large);
  EXPECT_EQ(decode_routing(bytes).error().code, ErrorCode::too_large);
  EXPECT_EQ(decode_reply(bytes).error().code, ErrorCode::too_large);
  EXPECT_EQ(find_return_address(bytes), (ReturnAddress{"r", "R"}));
}

TEST(HostileTest, AMessageAtTheLimitIsAccepted) {
  const std::string frame = with_intent("\"\"");
  const std::string text(limits::kMessageBytesMax - frame.size(), 'x');
  const std::string bytes = with_intent("\"" + text + "\"");
  ASSERT_EQ(bytes.size(), limits::kMessageBytesMax);
  auto intent = decode_intent(bytes);
  ASSERT_TRUE(intent);
  EXPECT_EQ(intent->body, text);
  EXPECT_TRUE(decode_routing(bytes));
}

TEST(HostileTest, TheDeepestNestingThatIsAllowedIsAccepted) {
  const std::size_t inside = limits::kJsonDepthMax - 2;
  const std::string good = R"({"data":)" + repeated("[", inside) + repeated("]", inside) + "}";
  EXPECT_TRUE(decode_intent(with_intent(good)));
  EXPECT_THAT(refusal(with_intent(R"({"data":[)" + good + "]}")), HasSubstr("nested deeper than 64"));
}

TEST(HostileTest, ADepthBombIsRefused) {
  for (const std::string_view piece : {"[", R"({"a":)", R"([{"a":)"}) {
    const std::string bomb = repeated(piece, 8 * limits::kMiB / piece.size());
    EXPECT_THAT(refusal(with_intent(bomb)), HasSubstr("nested deeper than 64"));
    EXPECT_FALSE(decode_routing(with_intent(bomb)));
    EXPECT_TRUE(find_return_address(with_intent(bomb)));
  }
}

TEST(HostileTest, ADepthBombInAStringIsPlainText) {
  auto intent = decode_intent(with_intent("\"" + repeated("{'a':", 100000) + "\""));
  ASSERT_TRUE(intent);
  EXPECT_FALSE(intent->structured);
}

TEST(HostileTest, AMillionMembersAreReadWithoutBeingKept) {
  EXPECT_TRUE(decode_intent(with_intent("{" + repeated(R"("a":0,)", 1000000) + R"("a":0})")));
  const std::string files = R"("x","files":[)" + repeated("{},", 1000000) + "{}]";
  EXPECT_THAT(refusal(with_intent(files)), HasSubstr("files[0]"));
}

TEST(HostileTest, NulBytesAreRefusedWhereverTheyStand) {
  const std::string good = with_intent("\"x\"");
  for (const std::size_t at : {std::size_t{0}, std::size_t{20}, good.size()}) {
    std::string bytes = good;
    bytes.insert(at, 1, '\0');
    EXPECT_THAT(refusal(bytes), HasSubstr("NUL byte at offset " + std::to_string(at)));
  }
}

TEST(HostileTest, MalformedTextIsRefused) {
  for (const std::string_view text :
       {"\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud800x\"", "\"\xed\xa0\x80\"", "\"\xff\"", "\"\xc0\xaf\"",
        "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\n\"", "\"\\x41\"", "'x'", "\"x", "\xff"}) {
    EXPECT_THAT(refusal(with_intent(text)), HasSubstr("not valid JSON")) << text;
  }
}

TEST(HostileTest, WhatFollowsTheObjectIsRefused) {
  for (const std::string_view rest : {"x", "{}", ",", "]", "//", "/* */"}) {
    EXPECT_FALSE(decode_intent(with_intent("\"x\"") + std::string(rest))) << rest;
  }
}

TEST(HostileTest, NumbersThatNoDoubleHoldsAreRefused) {
  const std::string endless = repeated("9", limits::kMiB);
  for (const std::string& number : {std::string("1e999"), std::string("-1e999"), endless, std::string("NaN"),
                                    std::string("Infinity"), std::string("0x10"), std::string("01")}) {
    const std::string detail = refusal(with_intent("\"x\",\"deadline\":" + number));
    EXPECT_THAT(detail, HasSubstr("not valid JSON"));
    EXPECT_LT(detail.size(), 300U);
  }
}

// One value of each kind for each field: a value or an error that names the field.
TEST(HostileTest, EachFieldRefusesWrongTypesByName) {
  const std::string_view texts[] = {"script", "stdin", "idempotency_key", "traceparent"};
  const std::string_view numbers[] = {"timestamp", "timeout_ms", "deadline", "priority", "v"};
  const std::string_view flags[] = {"idempotent", "stream"};
  const auto expect_named = [](std::string_view field, std::string_view wrong) {
    std::string message = R"("x",")" + std::string(field) + "\":" + std::string(wrong);
    EXPECT_THAT(refusal(with_intent(message)), HasSubstr(std::string(field) + ":")) << wrong;
  };
  for (const auto field : texts) {
    for (const auto wrong : {"1", "true", "[]", "{}"}) expect_named(field, wrong);
  }
  for (const auto field : numbers) {
    for (const auto wrong : {"\"1\"", "true", "[]", "{}"}) expect_named(field, wrong);
  }
  for (const auto field : flags) {
    for (const auto wrong : {"1", "\"true\"", "[]", "{}"}) expect_named(field, wrong);
  }
  for (const auto wrong : {"1", "true", "\"a\"", "{}", "[1]"}) expect_named("args", wrong);
  for (const auto wrong : {"1", "true", "\"a\"", "{}", "[{}]"}) expect_named("collect", wrong);
  for (const auto wrong : {"1", "true", "\"a\"", "{}", "[1]"}) expect_named("files", wrong);
  for (const auto wrong : {"1", "true", "\"a\"", "[]", R"({"A":1})"}) expect_named("env", wrong);
  for (const auto wrong : {"1", "true", "[]"}) expect_named("skill", wrong);
}

TEST(HostileTest, AnErrorMessageStaysShortHoweverLongTheValue) {
  const std::string detail = refusal(with_intent("\"x\",\"priority\":\"" + std::string(limits::kMiB, 'y') + "\""));
  EXPECT_LT(detail.size(), 200U);
  EXPECT_THAT(detail, HasSubstr("(1048576 bytes)"));
}

}  // namespace
}  // namespace skillscale
