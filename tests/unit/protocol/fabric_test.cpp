#include "protocol/fabric.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/limits.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

constexpr Token kToken{0x01020304, 5, 0x1122334455667788};

TEST(TokenTest, IsLittleEndian) {
  const std::string bytes = encode_token(kToken);
  EXPECT_EQ(bytes, std::string("\x04\x03\x02\x01\x05\x00\x00\x00\x88\x77\x66\x55\x44\x33\x22\x11", 16));
  EXPECT_EQ(parse_token(bytes), kToken);
}

TEST(TokenTest, AnotherLengthIsRefused) {
  EXPECT_FALSE(parse_token(""));
  EXPECT_FALSE(parse_token(std::string(15, 'x')));
  EXPECT_FALSE(parse_token(std::string(17, 'x')));
}

TEST(StartFrameTest, ComesBackAsItWasEncoded) {
  for (const bool idempotent : {false, true}) {
    for (const auto timeout : {0ms, 1ms, 30000ms, limits::kTimeoutMax}) {
      const StartFrame frame{encode_token(kToken), idempotent, timeout};
      EXPECT_EQ(encode_start(frame).size(), 23U);
      EXPECT_EQ(parse_start(encode_start(frame)), frame);
    }
  }
}

TEST(StartFrameTest, AMalformedOneIsRefused) {
  const std::string good = encode_start({encode_token(kToken), true, 5s});
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(parse_start(good.substr(0, size)));
  EXPECT_FALSE(parse_start(good + "x"));
  std::string flag = good;
  flag[18] = '\2';
  EXPECT_FALSE(parse_start(flag));
  std::string endless = good;
  endless.replace(19, 4, 4, '\xff');
  EXPECT_FALSE(parse_start(endless));
  EXPECT_FALSE(parse_give_back(good));
}

TEST(GiveBackFrameTest, ComesBackAsItWasEncoded) {
  const GiveBackFrame frame{encode_token(kToken)};
  EXPECT_EQ(parse_give_back(encode_give_back(frame)), frame);
  EXPECT_FALSE(parse_give_back("@b"));
  EXPECT_FALSE(parse_give_back(encode_give_back(frame) + "x"));
}

TEST(LeaveFrameTest, ComesBackAsItWasEncoded) {
  const LeaveFrame frame{"@g/T/default/i/5/"};
  EXPECT_EQ(parse_leave(encode_leave(frame)), frame);
  EXPECT_FALSE(parse_leave("@l"));
  EXPECT_FALSE(parse_leave("@lT"));
}

TEST(AnnounceFrameTest, ComesBackAsItWasEncoded) {
  const AnnounceFrame none{"@g/T/default/i/5/", {}};
  EXPECT_EQ(parse_announce(encode_announce(none)), none);
  const AnnounceFrame two{"@g/T/default/i/5/", {{{"r1", "R"}, "T", ""}, {{"r2", "R"}, "T", "key"}}};
  EXPECT_EQ(parse_announce(encode_announce(two)), two);
}

TEST(AnnounceFrameTest, AMalformedOneIsRefused) {
  for (const char* text :
       {"", "@a", "@a[]", "@a{}", R"(@a{"member":"T","runs":[]})", R"(@a{"member":"@g/T/default/i/5/"})",
        R"(@a{"member":"@g/T/default/i/5/","runs":[7]})", R"(@a{"member":"@g/T/default/i/5/","runs":[{}]})",
        R"(@a{"member":"@g/T/default/i/5/","runs":[{"request_id":"r","reply_to":"R","topic":"@x"}]})",
        R"(@b{"member":"@g/T/default/i/5/","runs":[]})"}) {
    EXPECT_FALSE(parse_announce(text)) << text;
  }
}

TEST(AnnounceFrameTest, RunsPastTheBoundAreLeftOut) {
  AnnounceFrame frame{"@g/T/default/i/5/", {}};
  frame.runs.assign(limits::kAnnouncedMax + 1, {{"r", "R"}, "T", ""});
  const auto parsed = parse_announce(encode_announce(frame));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->runs.size(), limits::kAnnouncedMax);
}

TEST(AnnounceFrameTest, FitsIntoAMessageHoweverLongTheNamesAre) {
  AnnounceFrame frame{"@g/T/default/i/5/", {}};
  frame.runs.assign(limits::kAnnouncedMax, {{std::string(128, 'r'), std::string(128, 'R')}, std::string(128, 'T'), ""});
  const std::string bytes = encode_announce(frame);
  EXPECT_LE(bytes.size(), limits::kMessageBytesMax);
  EXPECT_TRUE(parse_announce(bytes));
}

TEST(DeliveryFactsTest, ComeBackAsTheyWereEncoded) {
  const DeliveryFacts facts{3, 1234.5};
  EXPECT_EQ(parse_delivery_facts(encode_delivery_facts(facts)), facts);
  EXPECT_EQ(parse_delivery_facts("{}"), DeliveryFacts{});
}

TEST(DeliveryFactsTest, WrongOnesAreRefused) {
  for (const char* text : {"", "[]", R"({"attempt":0})", R"({"attempt":4294967296})", R"({"held_ms":-1})",
                           R"({"held_ms":"1"})", R"({"attempt":1.5})"}) {
    EXPECT_FALSE(parse_delivery_facts(text)) << text;
  }
}

TEST(CancelTest, ComesBackAsItWasEncoded) {
  const ReturnAddress address{"r1", "AGENT_REPLY_1"};
  EXPECT_EQ(parse_cancel(encode_cancel(address)), address);
  EXPECT_FALSE(parse_cancel("{}"));
  EXPECT_FALSE(parse_cancel(R"({"request_id":"r1"})"));
  EXPECT_FALSE(parse_cancel(R"({"request_id":"r1","reply_to":"@x"})"));
}

TEST(FabricTest, AQuestionForARequestNamesIt) {
  const ReturnAddress address{"r1", "AGENT_REPLY_1"};
  EXPECT_EQ(parse_who(encode_who(address)), address);
  for (const char* broken : {"", "@who", "@who{", "@wh{}", "@who{\"request_id\":1,\"reply_to\":\"A\"}"}) {
    EXPECT_FALSE(parse_who(broken)) << broken;
  }
}

}  // namespace
}  // namespace skillscale
