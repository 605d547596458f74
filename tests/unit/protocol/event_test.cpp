// Events as bytes: what comes back, and what is refused.
#include "protocol/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/utf8.h"
#include "samples.h"

namespace skillscale {
namespace {

using ::testing::HasSubstr;

std::string refusal(std::string_view bytes) {
  const auto event = decode_event(bytes);
  EXPECT_FALSE(event) << bytes;
  return event ? std::string() : event.error().detail;
}

std::string with(std::string_view kind, std::string_view members) {
  return R"({"request_id":"r","seq":3,"event":")" + std::string(kind) + "\"" + std::string(members) + "}";
}

TEST(EventTest, EveryKindComesBackAsItWas) {
  for (const Event& event : sample_events()) {
    const auto decoded = decode_event(encode_event(event));
    ASSERT_TRUE(decoded) << decoded.error();
    EXPECT_EQ(*decoded, event);
  }
}

TEST(EventTest, BytesThatAreNoTextTravelAsBase64) {
  Event event = sample_events()[2];
  event.data = "caf\xc3";
  EXPECT_THAT(encode_event(event), HasSubstr(R"("data_base64":"Y2Fmww==")"));
  event.data = "caf\xc3\xa9";
  EXPECT_THAT(encode_event(event), HasSubstr("\"data\":\"caf\xc3\xa9\""));
}

TEST(EventTest, OutputMayBeEmptyButNotMissing) {
  EXPECT_TRUE(decode_event(with("stdout", R"(,"data":"")")));
  EXPECT_THAT(refusal(with("stdout", "")), HasSubstr("data: was missing"));
  EXPECT_THAT(refusal(with("stderr", R"(,"data":"x","data_base64":"eA==")")), HasSubstr("given with data_base64"));
  EXPECT_THAT(refusal(with("stderr", R"(,"data_base64":"eA=")")), HasSubstr("not base64"));
}

TEST(EventTest, ProgressLiesBetweenNothingAndAll) {
  for (const auto good : {"0", "1", "0.5", "1e-9"}) {
    EXPECT_TRUE(decode_event(with("progress", ",\"progress\":" + std::string(good)))) << good;
  }
  for (const auto bad : {"-0.1", "1.1", "40", "\"0.4\"", "null", "true", "[]"}) {
    EXPECT_THAT(refusal(with("progress", ",\"progress\":" + std::string(bad))), HasSubstr("progress")) << bad;
  }
}

TEST(EventTest, UnknownKindsAndMissingPartsAreNamed) {
  EXPECT_THAT(refusal(with("stdin", "")), HasSubstr("event: was"));
  EXPECT_THAT(refusal(R"({"event":"started","seq":1})"), HasSubstr("request_id"));
  EXPECT_THAT(refusal(R"({"event":"started","request_id":"r"})"), HasSubstr("seq"));
  EXPECT_THAT(refusal(R"({"event":"started","request_id":"r","seq":-1})"), HasSubstr("seq"));
  EXPECT_THAT(refusal(R"({"event":"started","request_id":"r","seq":1e300})"), HasSubstr("seq"));
  EXPECT_THAT(refusal(with("artifact", R"(,"path":"a","size":1)")), HasSubstr("sha256"));
}

TEST(EventTest, AReplyIsNoEvent) {
  for (const Reply& reply : sample_replies()) EXPECT_FALSE(decode_event(encode_reply(reply)));
  for (const Event& event : sample_events()) EXPECT_FALSE(decode_reply(encode_event(event)));
}

TEST(EventTest, ADamagedEventIsAValueOrAnError) {
  for (const Event& event : sample_events()) {
    const std::string good = encode_event(event);
    for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(decode_event(good.substr(0, size)));
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string damaged = good;
      damaged[bit / 8] = static_cast<char>(static_cast<unsigned char>(damaged[bit / 8]) ^ (1U << (bit % 8)));
      const auto decoded = decode_event(damaged);
      if (!decoded) {
        ASSERT_TRUE(is_valid_utf8(decoded.error().detail));
        continue;
      }
      const auto again = decode_event(encode_event(*decoded));
      ASSERT_TRUE(again) << damaged;
      ASSERT_EQ(*again, *decoded) << damaged;
    }
  }
}

TEST(EventTest, AHugeEventIsRefusedUnread) {
  const auto event = decode_event(std::string(limits::kMessageBytesMax + 1, '{'));
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace skillscale
