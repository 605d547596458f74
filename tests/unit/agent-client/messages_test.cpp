#include "agent-client/messages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "protocol/catalog.h"
#include "protocol/codec.h"

namespace skillscale::agent {
namespace {

using namespace std::chrono_literals;

const WallTime kNow{std::chrono::seconds(1'700'000'000)};

Request request(std::string text, IntentOptions options = {}) {
  options.request_id = "id-1";
  return {"TOPIC_TEST", std::move(text), std::move(options)};
}

Intent decoded(const Request& made) {
  const auto payload = encode_request(made, "AGENT_REPLY_x", kNow);
  EXPECT_TRUE(payload) << payload.error();
  auto intent = decode_intent(payload.value());
  EXPECT_TRUE(intent) << intent.error();
  return std::move(*intent);
}

std::string refusal(const Request& made) {
  const auto payload = encode_request(made, "AGENT_REPLY_x", kNow);
  EXPECT_FALSE(payload);
  EXPECT_EQ(payload.error().code, ErrorCode::invalid_request);
  return payload.error().detail;
}

TEST(MessagesTest, PlainTextIsTheIntentAndItsInput) {
  const auto intent = decoded(request("Summarise this."));
  EXPECT_EQ(intent.address, (ReturnAddress{"id-1", "AGENT_REPLY_x"}));
  EXPECT_EQ(intent.body, "Summarise this.");
  EXPECT_FALSE(intent.structured);
  EXPECT_EQ(intent.stdin_data, "Summarise this.");
  EXPECT_EQ(intent.timestamp, 1'700'000'000.0);
  EXPECT_EQ(intent.deadline, std::nullopt);
  EXPECT_EQ(intent.timeout, std::nullopt);
}

TEST(MessagesTest, TheTextOfAnObjectIsStructured) {
  const auto intent = decoded(request(R"( {"skill": "csv-analyzer", "data": "a,b"})"));
  EXPECT_TRUE(intent.structured);
  EXPECT_EQ(intent.skill, "csv-analyzer");
  EXPECT_EQ(intent.stdin_data, "a,b");
}

TEST(MessagesTest, BracesThatAreNoJsonArePlainText) {
  EXPECT_FALSE(decoded(request("{not json}")).structured);
  EXPECT_FALSE(decoded(request("[1]")).structured);
}

TEST(MessagesTest, DataIsTheInput) {
  const auto intent = decoded(request("Analyse.", {.skill = "csv-analyzer", .data = "name,age\n"}));
  EXPECT_EQ(intent.body, "Analyse.");
  EXPECT_EQ(intent.stdin_data, "name,age\n");
}

TEST(MessagesTest, ASkillNeedsNoText) {
  const auto intent = decoded(request("", {.skill = "csv-analyzer", .data = "name,age\n"}));
  EXPECT_EQ(intent.skill, "csv-analyzer");
  EXPECT_EQ(intent.stdin_data, "name,age\n");
}

TEST(MessagesTest, EveryOptionTravels) {
  const auto intent = decoded(request("x", {.skill = "s",
                                            .skill_version = "1.2",
                                            .script = "scripts/a.py",
                                            .args = {"-v", "b"},
                                            .input_json = R"({"n": 1})",
                                            .run_timeout = 1500ms,
                                            .deadline = kNow + 10s,
                                            .priority = 9,
                                            .idempotent = true,
                                            .idempotency_key = "key",
                                            .traceparent = "00-1-2-01"}));
  EXPECT_EQ(intent.skill_version, "1.2");
  EXPECT_EQ(intent.script, "scripts/a.py");
  EXPECT_EQ(intent.args, (std::vector<std::string>{"-v", "b"}));
  EXPECT_EQ(nlohmann::json::parse(intent.input_json.value())["n"], 1);
  EXPECT_EQ(intent.timeout, 1500ms);
  EXPECT_EQ(intent.deadline, 1'700'000'010.0);
  EXPECT_EQ(intent.priority, 9);
  EXPECT_TRUE(intent.idempotent);
  EXPECT_EQ(intent.idempotency_key, "key");
  EXPECT_EQ(intent.traceparent, "00-1-2-01");
}

TEST(MessagesTest, RefusalsNameTheOption) {
  EXPECT_NE(refusal({"bad topic", "x", {}}).find("bad topic"), std::string::npos);
  EXPECT_NE(refusal({"@stats", "x", {}}).find("@stats"), std::string::npos);
  EXPECT_NE(refusal(request("\xff")).find("UTF-8"), std::string::npos);
  EXPECT_NE(refusal(request("x", {.data = "\xc3"})).find("data"), std::string::npos);
  EXPECT_NE(refusal(request("x", {.skill_version = "1"})).find("skill_version"), std::string::npos);
  EXPECT_NE(refusal(request("x", {.args = {"\xff"}})).find("args"), std::string::npos);
  EXPECT_NE(refusal(request("x", {.input_json = "{"})).find("input_json"), std::string::npos);
  EXPECT_NE(refusal(request("x", {.timeout = -1ms})).find("timeout"), std::string::npos);
  EXPECT_NE(refusal(request("x", {.run_timeout = 24h * 8})).find("run_timeout"), std::string::npos);
  EXPECT_NE(refusal(request("x", {.priority = -1})).find("priority"), std::string::npos);
  EXPECT_NE(refusal(request("x", {.idempotency_key = std::string(129, 'k')})).find("idempotency_key"),
            std::string::npos);
}

TEST(MessagesTest, AnIntentPastTheMessageSizeIsTooLarge) {
  const auto payload = encode_request(request(std::string(17 << 20, 'x')), "AGENT_REPLY_x", kNow);
  ASSERT_FALSE(payload);
  EXPECT_EQ(payload.error().code, ErrorCode::too_large);
}

TEST(MessagesTest, AQuestionSaysNoMoreThanItsKindNeeds) {
  using Kind = CatalogQuestion::Kind;
  const ReturnAddress address{"id-1", "AGENT_REPLY_x"};
  const auto encoded = [&](CatalogQuestion question) {
    const auto payload = encode_question("TOPIC_TEST", question, address);
    EXPECT_TRUE(payload) << payload.error();
    return decode_catalog_request(payload.value()).value();
  };
  EXPECT_EQ(encoded({.skill = "s", .path = "p"}), (CatalogRequest{address, CatalogRequest::Op::list, "", ""}));
  EXPECT_EQ(encoded({.kind = Kind::show, .skill = "s", .path = "p"}),
            (CatalogRequest{address, CatalogRequest::Op::show, "s", ""}));
  EXPECT_EQ(encoded({.kind = Kind::read, .skill = "s", .path = "p"}),
            (CatalogRequest{address, CatalogRequest::Op::read, "s", "p"}));
}

TEST(MessagesTest, AQuestionThatNobodyCouldAnswerIsRefused) {
  using Kind = CatalogQuestion::Kind;
  const auto refused = [](const std::string& topic, const CatalogQuestion& question) {
    const auto payload = encode_question(topic, question, {"id-1", "AGENT_REPLY_x"});
    return payload ? std::string("accepted") : payload.error().detail;
  };
  EXPECT_NE(refused("@catalog/T", {}).find("topic"), std::string::npos);
  EXPECT_NE(refused("T", {.kind = Kind::show}).find("skill"), std::string::npos);
  EXPECT_NE(refused("T", {.kind = Kind::read, .skill = "s"}).find("path"), std::string::npos);
  EXPECT_NE(refused("T", {.kind = Kind::show, .skill = "\xff"}).find("UTF-8"), std::string::npos);
  EXPECT_NE(refused("T", {.timeout = -1ms}).find("timeout"), std::string::npos);
}

TEST(MessagesTest, AReplyOfThePlainKindIsTaken) {
  const auto reply = decode_answer(R"({"request_id":"r","status":"success","content":"c","error":null,"timestamp":1})");
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_TRUE(reply.value().success);
  EXPECT_EQ(reply.value().content, "c");
  EXPECT_EQ(reply.value().attempt, 1U);
  EXPECT_FALSE(reply.value().exit_code);
}

TEST(MessagesTest, WhatTheServerMeasuredIsInTheReply) {
  const auto reply =
      decode_answer(R"({"request_id":"r","status":"error","content":"","error":"e","code":"timed_out","timestamp":1,)"
                    R"("exit":{"signal":9,"timed_out":true},"timing_ms":{"held":1,"queued":2,"spawn":3,"run":4.5},)"
                    R"("truncated":{"stdout":true,"stderr":false},"stderr_tail":"t","version":"1","server":"s1"})");
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply.value().exit_signal, 9);
  EXPECT_TRUE(reply.value().run_timed_out);
  EXPECT_EQ(reply.value().run_ms, 4.5);
  EXPECT_EQ(reply.value().held_ms, 1);
  EXPECT_TRUE(reply.value().stdout_truncated);
  EXPECT_FALSE(reply.value().stderr_truncated);
  EXPECT_EQ(reply.value().stderr_tail, "t");
  EXPECT_EQ(reply.value().server, "s1");
}

TEST(MessagesTest, WhatIsNoReplyIsAnError) {
  for (const char* bytes : {"", "[]", "{}", R"({"request_id":"r","status":"perhaps"})", "\xff"}) {
    EXPECT_FALSE(decode_answer(bytes)) << bytes;
  }
}

TEST(MessagesTest, ALocalReplyLooksLikeOneFromTheFabric) {
  const auto reply = local_reply("r", ErrorCode::no_answer, "why", kNow);
  EXPECT_TRUE(reply.from_client);
  const auto read = decode_answer(reply.json);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read.value().code, "no_answer");
  EXPECT_EQ(read.value().error, "why");
  EXPECT_EQ(read.value().request_id, "r");
}

}  // namespace
}  // namespace skillscale::agent
