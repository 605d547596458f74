// The published schemas and the codec must accept and refuse the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/catalog.h"
#include "protocol/codec.h"
#include "protocol/fabric.h"
#include "samples.h"

namespace skillscale {
namespace {

using nlohmann::json;

json load_schema(const std::string& name) {
  std::ifstream file(std::string(SKILLSCALE_SOURCE_DIR) + "/core/protocol/schema/" + name + ".json");
  EXPECT_TRUE(file) << name;
  return json::parse(file);
}

bool has_type(const json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (type == "number") return value.is_number();
  return type == "integer" && value.is_number() && std::trunc(value.get<double>()) == value.get<double>();
}

bool is_valid(const json& schema, const json& value);

bool all_items_valid(const json& schema, const json& array) {
  return std::all_of(array.begin(), array.end(), [&](const json& item) { return is_valid(schema, item); });
}

bool all_members_valid(const json& schema, const json& object) {
  return std::all_of(schema.items().begin(), schema.items().end(), [&](const auto& member) {
    return !object.contains(member.key()) || is_valid(member.value(), object[member.key()]);
  });
}

// One keyword of draft 2020-12, as far as our schemas use it; an unknown one
// fails the test, so that none goes unchecked.
bool satisfies(const std::string& keyword, const json& rule, const json& value) {
  const auto matches = [&](const json& schema) { return is_valid(schema, value); };
  const auto is_member = [&](const json& name) { return value.contains(name.get<std::string>()); };
  if (keyword == "type" && rule.is_string()) return has_type(value, rule);
  if (keyword == "type")
    return std::any_of(rule.begin(), rule.end(), [&](const json& t) { return has_type(value, t); });
  if (keyword == "enum") return std::find(rule.begin(), rule.end(), value) != rule.end();
  if (keyword == "anyOf") return std::any_of(rule.begin(), rule.end(), matches);
  if (keyword == "oneOf") return std::count_if(rule.begin(), rule.end(), matches) == 1;
  if (keyword == "minimum") return !value.is_number() || value >= rule;
  if (keyword == "maximum") return !value.is_number() || value <= rule;
  if (keyword == "minLength") return !value.is_string() || value.get<std::string>().size() >= rule;
  if (keyword == "maxLength") return !value.is_string() || value.get<std::string>().size() <= rule;
  if (keyword == "pattern") {
    return !value.is_string() || std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
  }
  if (keyword == "maxItems") return !value.is_array() || value.size() <= rule;
  if (keyword == "maxProperties") return !value.is_object() || value.size() <= rule;
  if (keyword == "items") return !value.is_array() || all_items_valid(rule, value);
  if (keyword == "required") return !value.is_object() || std::all_of(rule.begin(), rule.end(), is_member);
  if (keyword == "properties") return !value.is_object() || all_members_valid(rule, value);
  if (keyword == "additionalProperties") return !value.is_object() || all_items_valid(rule, value);
  if (keyword == "propertyNames") {
    return !value.is_object() || std::all_of(value.items().begin(), value.items().end(),
                                             [&](const auto& member) { return is_valid(rule, member.key()); });
  }
  const bool says_nothing = keyword == "description" || keyword == "title" || keyword == "$schema" || keyword == "$id";
  EXPECT_TRUE(says_nothing) << "keyword " << keyword;
  return says_nothing;
}

bool is_valid(const json& schema, const json& value) {
  return std::all_of(schema.items().begin(), schema.items().end(),
                     [&](const auto& keyword) { return satisfies(keyword.key(), keyword.value(), value); });
}

// Values of every type, at and beyond every bound that stands in `schema`.
std::vector<json> candidates(const json& schema) {
  std::vector<json> values = {nullptr,
                              true,
                              0,
                              1,
                              -1,
                              2,
                              1.5,
                              1e30,
                              "",
                              "a",
                              "a b",
                              "A=",
                              "QQ==",
                              "\x01",
                              "ä",
                              "@x",
                              "",
                              json::array(),
                              json::array({"a"}),
                              json::array({1}),
                              json::array({nullptr}),
                              json::object(),
                              {{"name", "n"}},
                              {{"name", 1}},
                              {{"version", "1"}},
                              {{"A_1", "v"}},
                              {{"1A", "v"}},
                              {{"A", 1}},
                              {{"skill", 1}}};
  values.insert(values.end(),
                {std::string(128, 'x'), std::string(129, 'x'), std::string(256, 'x'), std::string(257, 'x')});
  values.insert(values.end(), {json(std::vector<std::string>(1024, "a")), json(std::vector<std::string>(1025, "a"))});
  for (const char* bound : {"minimum", "maximum"}) {
    if (!schema.contains(bound)) continue;
    const double at = schema[bound];
    for (const double value : {at - 1, at, at + 1, at + 0.5}) values.emplace_back(value);
  }
  return values;
}

using Accepts = std::function<bool(std::string_view)>;

void expect_agreement(const json& schema, const Accepts& accepts, const json& message, const std::string& what) {
  EXPECT_EQ(is_valid(schema, message), accepts(message.dump())) << what << " in " << message.dump().substr(0, 300);
}

// Puts every candidate in the place of every member of `part`, which is described
// by `part_schema` and lies in `message`; also leaves the member out.
void check_members(const json& schema, const Accepts& accepts, const json& message, const json::json_pointer& part,
                   const json& part_schema) {
  expect_agreement(schema, accepts, message, "the good message");
  for (const auto& [name, member] : part_schema["properties"].items()) {
    json without = message;
    without[part].erase(name);
    expect_agreement(schema, accepts, without, "without " + name);
    for (const json& value : candidates(member)) {
      json with = message;
      with[part][name] = value;
      expect_agreement(schema, accepts, with, name);
    }
  }
}

const Accepts kAcceptsIntent = [](std::string_view bytes) { return static_cast<bool>(decode_intent(bytes)); };
const Accepts kAcceptsReply = [](std::string_view bytes) { return static_cast<bool>(decode_reply(bytes)); };

TEST(SchemaTest, TheIntentSchemaSaysWhatTheCodecAccepts) {
  const json schema = load_schema("intent");
  json message = json::parse(encode_intent(full_intent()));
  check_members(schema, kAcceptsIntent, message, json::json_pointer(""), schema);
  check_members(schema, kAcceptsIntent, message, json::json_pointer("/files/0"),
                schema["properties"]["files"]["items"]);
  check_members(schema, kAcceptsIntent, message, json::json_pointer("/skill"),
                schema["properties"]["skill"]["anyOf"][1]);
  message["intent"] = json::object();
  message.erase("skill");
  check_members(schema, kAcceptsIntent, message, json::json_pointer("/intent"),
                schema["properties"]["intent"]["anyOf"][1]);
}

TEST(SchemaTest, TheReplySchemaSaysWhatTheCodecAccepts) {
  const json schema = load_schema("reply");
  const json message = json::parse(encode_reply(timed_out_reply()));
  check_members(schema, kAcceptsReply, message, json::json_pointer(""), schema);
  for (const std::string part : {"exit", "truncated", "timing_ms"}) {
    check_members(schema, kAcceptsReply, message, json::json_pointer("/" + part), schema["properties"][part]);
  }
}

TEST(SchemaTest, TheReplySchemaSaysWhatTheCodecAcceptsOfResults) {
  const json schema = load_schema("reply");
  const json message = json::parse(encode_reply(artifacts_reply()));
  check_members(schema, kAcceptsReply, message, json::json_pointer(""), schema);
  check_members(schema, kAcceptsReply, message, json::json_pointer("/usage"), schema["properties"]["usage"]);
  check_members(schema, kAcceptsReply, message, json::json_pointer("/artifacts/0"),
                schema["properties"]["artifacts"]["items"]);
}

TEST(SchemaTest, TheEventSchemaSaysWhatTheCodecAccepts) {
  const json schema = load_schema("event");
  const Accepts accepts = [](std::string_view bytes) { return static_cast<bool>(decode_event(bytes)); };
  for (const Event& event : sample_events()) {
    json message = json::parse(encode_event(event));
    check_members(schema, accepts, message, json::json_pointer(""), schema);
    // Every kind with the members of this one.
    for (const Event& other : sample_events()) {
      message["event"] = name_of(other.kind);
      expect_agreement(schema, accepts, message, "another kind");
    }
  }
}

TEST(SchemaTest, TheCancelSchemaSaysWhatTheCodecAccepts) {
  const json schema = load_schema("cancel");
  const json message = json::parse(encode_cancel({"r1", "R"}));
  check_members(
      schema, [](std::string_view bytes) { return parse_cancel(bytes).has_value(); }, message, json::json_pointer(""),
      schema);
}

TEST(SchemaTest, TheDeliverySchemaSaysWhatTheCodecAccepts) {
  const json schema = load_schema("delivery");
  const json message = json::parse(encode_delivery_facts({2, 1.5}));
  check_members(
      schema, [](std::string_view bytes) { return parse_delivery_facts(bytes).has_value(); }, message,
      json::json_pointer(""), schema);
}

TEST(SchemaTest, TheAnnouncementSchemaSaysWhatTheCodecAccepts) {
  const json schema = load_schema("announce");
  const Accepts accepts = [](std::string_view bytes) { return parse_announce("@a" + std::string(bytes)).has_value(); };
  const AnnounceFrame frame{"@g/T/default/i/5/", {{{"r1", "R"}, "T", "key"}}};
  const json message = json::parse(encode_announce(frame).substr(2));
  check_members(schema, accepts, message, json::json_pointer(""), schema);
  check_members(schema, accepts, message, json::json_pointer("/runs/0"), schema["properties"]["runs"]["items"]);
}

TEST(SchemaTest, TheCatalogSchemasSayWhatTheCodecAccepts) {
  const json schema = load_schema("catalog_request");
  const Accepts accepts = [](std::string_view bytes) { return bool(decode_catalog_request(bytes)); };
  for (const auto op : {CatalogRequest::Op::list, CatalogRequest::Op::show, CatalogRequest::Op::read}) {
    const json message = json::parse(encode_catalog_request({{"q", "R"}, op, "csv", "references/a.md"}));
    check_members(schema, accepts, message, json::json_pointer(""), schema);
    check_members(schema, accepts, message, json::json_pointer("/catalog"), schema["properties"]["catalog"]);
  }
  const CatalogNews news{"@g/T/default/i/5/", "c0ffee", "d1", 3};
  const json message = json::parse(encode_catalog_news(news).substr(2));
  const json news_schema = load_schema("catalog_news");
  check_members(
      news_schema, [](std::string_view bytes) { return parse_catalog_news("@c" + std::string(bytes)).has_value(); },
      message, json::json_pointer(""), news_schema);
  EXPECT_TRUE(is_valid(load_schema("catalog_announcement"), json::parse(encode_catalog_announcement(news))));
}

TEST(SchemaTest, EverySampleIsValid) {
  for (const Intent& intent : sample_intents()) {
    EXPECT_TRUE(is_valid(load_schema("intent"), json::parse(encode_intent(intent))));
  }
  for (const Reply& reply : sample_replies()) {
    EXPECT_TRUE(is_valid(load_schema("reply"), json::parse(encode_reply(reply))));
  }
  for (const Event& event : sample_events()) {
    EXPECT_TRUE(is_valid(load_schema("event"), json::parse(encode_event(event))));
  }
}

}  // namespace
}  // namespace skillscale
