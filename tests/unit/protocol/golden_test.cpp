// The bytes in tests/golden/wire are what other programs send and expect: a
// difference is a change of the protocol. SKILLSCALE_UPDATE_GOLDEN=1 rewrites them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "protocol/catalog.h"
#include "protocol/codec.h"
#include "protocol/fabric.h"
#include "protocol/topic.h"
#include "samples.h"

namespace skillscale {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(SKILLSCALE_SOURCE_DIR) / "tests/golden/wire";

std::string read_file(const std::string& name) {
  std::ifstream file(kFolder / name, std::ios::binary);
  EXPECT_TRUE(file) << "missing " << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex.append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 0xfU]);
  }
  return hex;
}

// Files end with a line end, messages do not.
std::string golden(const std::string& name, const std::string& encoded) {
  if (std::getenv("SKILLSCALE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(kFolder / name, std::ios::binary) << encoded << '\n';
  }
  std::string text = read_file(name);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

void expect_intent(const std::string& name, const Intent& intent) {
  const std::string bytes = golden(name, encode_intent(intent));
  EXPECT_EQ(encode_intent(intent), bytes);
  auto decoded = decode_intent(bytes);
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(*decoded, intent);
}

void expect_reply(const std::string& name, const Reply& reply) {
  const std::string bytes = golden(name, encode_reply(reply));
  EXPECT_EQ(encode_reply(reply), bytes);
  auto decoded = decode_reply(bytes);
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(*decoded, reply);
}

TEST(GoldenTest, IntentsKeepTheirBytes) {
  expect_intent("intent_minimal.json", minimal_intent());
  expect_intent("intent_structured.json", structured_intent());
  expect_intent("intent_full.json", full_intent());
}

TEST(GoldenTest, RepliesKeepTheirBytes) {
  expect_reply("reply_success.json", sample_replies()[0]);
  expect_reply("reply_timed_out.json", sample_replies()[1]);
  expect_reply("reply_no_skill_server.json", sample_replies()[2]);
  expect_reply("reply_artifacts.json", artifacts_reply());
}

TEST(GoldenTest, EventsKeepTheirBytes) {
  for (const Event& event : sample_events()) {
    const std::string bytes = golden("event_" + std::string(name_of(event.kind)) + ".json", encode_event(event));
    EXPECT_EQ(encode_event(event), bytes);
    auto decoded = decode_event(bytes);
    ASSERT_TRUE(decoded) << decoded.error();
    EXPECT_EQ(*decoded, event);
  }
}

// Written by hand, as another program would: an object as intent, odd spacing, fields of the future.
TEST(GoldenTest, AForeignIntentIsUnderstood) {
  auto intent = decode_intent(read_file("intent_foreign.json"));
  ASSERT_TRUE(intent) << intent.error();
  EXPECT_EQ(intent->address, (ReturnAddress{"py-1", "AGENT_REPLY_1a2b3c4d"}));
  EXPECT_TRUE(intent->structured);
  EXPECT_EQ(intent->skill, "csv-analyzer");
  EXPECT_EQ(intent->stdin_data, "a,b\n1,2\n");
  EXPECT_EQ(intent->task, "How many rows?");
}

TEST(GoldenTest, AReplyOfAnOlderServerIsUnderstood) {
  auto reply = decode_reply(read_file("reply_foreign.json"));
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_TRUE(reply->success);
  EXPECT_EQ(reply->content, "3 rows");
}

TEST(GoldenTest, ControlMessagesKeepTheirBytes) {
  const ReturnAddress address = minimal_intent().address;
  EXPECT_EQ(golden("cancel.json", encode_cancel(address)), encode_cancel(address));
  const DeliveryFacts facts{2, 1500.5};
  EXPECT_EQ(golden("delivery.json", encode_delivery_facts(facts)), encode_delivery_facts(facts));
}

TEST(GoldenTest, QuestionsAboutSkillsKeepTheirBytes) {
  const std::string request = encode_catalog_request(
      {minimal_intent().address, CatalogRequest::Op::read, "csv-analyzer", "references/guide.md"});
  EXPECT_EQ(golden("catalog_request.json", request), request);
  const CatalogNews news{encode_member_name({"TOPIC_A", "default", "0af3", 5}), "c0ffee00c0ffee00c0ffee00c0ffee00",
                         "8f14e45fceea167a", 12};
  EXPECT_EQ(golden("catalog_announcement.json", encode_catalog_announcement(news)), encode_catalog_announcement(news));
  const std::string frame = to_hex(encode_catalog_news(news));
  EXPECT_EQ(golden("catalog_news.hex", frame), frame);
}

TEST(GoldenTest, FabricFramesKeepTheirBytes) {
  const std::string token = encode_token({7, 3, 0x1122334455667788});
  const std::string member = encode_member_name({"TOPIC_A", "default", "0af3", 5});
  const std::string start = to_hex(encode_start({token, false, std::chrono::seconds(30)}));
  EXPECT_EQ(golden("start.hex", start), start);
  const std::string start_idempotent = to_hex(encode_start({token, true, std::chrono::seconds(30)}));
  EXPECT_EQ(golden("start_idempotent.hex", start_idempotent), start_idempotent);
  const std::string give_back = to_hex(encode_give_back({token}));
  EXPECT_EQ(golden("give_back.hex", give_back), give_back);
  const std::string leave = to_hex(encode_leave({member}));
  EXPECT_EQ(golden("leave.hex", leave), leave);
  const std::string announce = to_hex(encode_announce({member, {{minimal_intent().address, "TOPIC_A", "order-17"}}}));
  EXPECT_EQ(golden("announce.hex", announce), announce);
}

}  // namespace
}  // namespace skillscale
