#include "protocol/catalog.h"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "protocol/fabric.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

using Op = CatalogRequest::Op;

const std::string kMember = encode_member_name({"TOPIC_A", "default", "0af3", 5});

std::string question(const std::string& catalog) {
  return R"({"request_id":"q-1","reply_to":"AGENT_1","catalog":)" + catalog + "}";
}

TEST(CatalogTest, RequestsComeBackAsTheyWere) {
  for (const CatalogRequest& request :
       {CatalogRequest{{"q", "A"}, Op::list, "", ""}, CatalogRequest{{"q", "A"}, Op::show, "csv", ""},
        CatalogRequest{{"q", "A"}, Op::read, "csv", "references/über.md"}}) {
    const auto decoded = decode_catalog_request(encode_catalog_request(request));
    ASSERT_TRUE(decoded) << decoded.error();
    EXPECT_EQ(*decoded, request);
  }
}

TEST(CatalogTest, TheNameHasATopicInIt) {
  EXPECT_EQ(topic_of_catalog(catalog_name("TOPIC_A")), "TOPIC_A");
  EXPECT_EQ(topic_of_catalog(catalog_name(std::string(limits::kTopicBytesMax, 'x'))), std::string(128, 'x'));
  for (const char* name :
       {"@catalog/", "@catalog", "@catalog/a/b", "@catalog/@x", "@cancel", "TOPIC_A", "@catalog/a b"}) {
    EXPECT_EQ(topic_of_catalog(name), std::nullopt) << name;
  }
  EXPECT_TRUE(is_fabric_name(catalog_name("TOPIC_A")));
}

TEST(CatalogTest, WrongRequestsAreRefusedByName) {
  const std::pair<std::string, std::string> cases[] = {
      {question("null"), "catalog"},
      {question("[]"), "catalog"},
      {question("\"list\""), "catalog"},
      {question("{}"), "catalog.op"},
      {question(R"({"op":7})"), "catalog.op"},
      {question(R"({"op":"delete"})"), "catalog.op"},
      {question(R"({"op":"show"})"), "catalog.skill"},
      {question(R"({"op":"show","skill":[]})"), "catalog.skill"},
      {question(R"({"op":"read","skill":"x"})"), "catalog.path"},
      {question(R"({"op":"read","skill":"x","path":"a\u0000b"})"), "catalog.path"},
      {R"({"request_id":"q","catalog":{"op":"list"}})", "reply_to"},
      {R"({"reply_to":"A","catalog":{"op":"list"}})", "request_id"},
  };
  for (const auto& [bytes, field] : cases) {
    const auto decoded = decode_catalog_request(bytes);
    ASSERT_FALSE(decoded) << bytes;
    EXPECT_EQ(decoded.error().code, ErrorCode::invalid_request);
    EXPECT_NE(decoded.error().detail.find(field), std::string::npos) << decoded.error().detail;
  }
}

TEST(CatalogTest, EveryTruncationIsAnError) {
  const std::string whole = encode_catalog_request({{"q", "A"}, Op::read, "csv", "references/a.md"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_catalog_request(whole.substr(0, size))) << size;
  }
  const std::string news = encode_catalog_news({kMember, "s", "d", 3});
  for (std::size_t size = 0; size < news.size(); ++size) EXPECT_FALSE(parse_catalog_news(news.substr(0, size))) << size;
}

TEST(CatalogTest, NewsComeBackAndNameTheirMember) {
  const CatalogNews news{kMember, "c0ffee", "0123456789abcdef", 12};
  EXPECT_EQ(parse_catalog_news(encode_catalog_news(news)), news);
  EXPECT_EQ(encode_catalog_announcement(news), R"({"server":"c0ffee","digest":"0123456789abcdef","skills":12})");
  EXPECT_FALSE(parse_catalog_news(R"(@c{"member":"TOPIC_A","server":"s","digest":"d","skills":1})"));
  EXPECT_FALSE(parse_catalog_news("@c" + encode_catalog_announcement(news)));
  EXPECT_FALSE(parse_catalog_news(encode_catalog_news({kMember, "", "d", 1})));
  EXPECT_FALSE(parse_catalog_news(encode_catalog_news({kMember, "s", std::string(5000, 'd'), 1})));
  EXPECT_FALSE(parse_announce(encode_catalog_news(news)));
}

TEST(CatalogTest, DeliveryFactsSayThatItIsAQuestion) {
  const DeliveryFacts facts{1, 0, true};
  EXPECT_EQ(parse_delivery_facts(encode_delivery_facts(facts)), facts);
  EXPECT_FALSE(parse_delivery_facts(R"({"catalog":"yes"})"));
}

}  // namespace
}  // namespace skillscale
