#include "protocol/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

// A message with these members beside its return address.
std::string message(std::string_view members) {
  return R"({"request_id":"r1","reply_to":"AGENT_REPLY_1",)" + std::string(members) + "}";
}

Intent accepted(std::string_view members) {
  auto intent = decode_intent(message(members));
  EXPECT_TRUE(intent) << members << ": " << (intent ? "" : intent.error().detail);
  return intent ? *intent : Intent{};
}

std::string refusal(std::string_view members) {
  auto intent = decode_intent(message(members));
  EXPECT_FALSE(intent) << members;
  if (intent) return {};
  EXPECT_EQ(intent.error().code, ErrorCode::invalid_request);
  return intent.error().detail;
}

TEST(DecodeIntentTest, PlainTextIsTheTaskAndTheStandardInput) {
  const Intent intent = accepted(R"("intent":"summarise this")");
  EXPECT_EQ(intent.address, (ReturnAddress{"r1", "AGENT_REPLY_1"}));
  EXPECT_FALSE(intent.structured);
  EXPECT_EQ(intent.body, "summarise this");
  EXPECT_EQ(intent.task, "summarise this");
  EXPECT_EQ(intent.stdin_data, "summarise this");
  EXPECT_EQ(intent.skill, "");
  EXPECT_EQ(intent.priority, 5);
}

TEST(DecodeIntentTest, AStringThatHoldsAnObjectIsStructured) {
  const Intent intent = accepted(R"("intent":"{\"skill\":\"csv-analyzer\",\"data\":\"a,b\\n1,2\"}")");
  EXPECT_TRUE(intent.structured);
  EXPECT_EQ(intent.skill, "csv-analyzer");
  EXPECT_EQ(intent.stdin_data, "a,b\n1,2");
  EXPECT_EQ(intent.body, R"({"skill":"csv-analyzer","data":"a,b\n1,2"})");
}

TEST(DecodeIntentTest, TheTextOfAnObjectStaysAsItWasSent) {
  const Intent intent = accepted(R"("intent": {"z": 1.50, "a":18446744073709551616 , "data": [1e2, {"b":null}]})");
  EXPECT_EQ(intent.body, R"({"z": 1.50, "a":18446744073709551616 , "data": [1e2, {"b":null}]})");
  EXPECT_EQ(intent.stdin_data, R"([1e2, {"b":null}])");
}

TEST(DecodeIntentTest, TextThatOnlyLooksLikeAnObjectIsPlain) {
  for (const char* text : {R"("{broken")", R"("[1,2]")", R"("{} and more")", R"("\"quoted\"")"}) {
    EXPECT_FALSE(accepted("\"intent\":" + std::string(text)).structured) << text;
  }
}

TEST(DecodeIntentTest, TheTaskOfAnObjectIsJoinedFromItsTexts) {
  EXPECT_EQ(accepted(R"("intent":{"query":"q","task":"t","text":7,"description":"d"})").task, "t\nq\nd");
}

TEST(DecodeIntentTest, TheTaskIsCutOnACharacterBoundary) {
  std::string text;
  while (text.size() < 2 * limits::kMatchTextBytesMax) text += "a\xc3\xa4";
  const Intent intent = accepted("\"intent\":\"" + text + "\"");
  EXPECT_EQ(intent.body, text);
  EXPECT_LE(intent.task.size(), limits::kMatchTextBytesMax);
  EXPECT_GE(intent.task.size(), limits::kMatchTextBytesMax - 1);
  EXPECT_NE(intent.task.back(), '\xc3');
}

TEST(DecodeIntentTest, TheOuterSkillWins) {
  EXPECT_EQ(accepted(R"("skill":"a","intent":{"skill":"b"})").skill, "a");
  EXPECT_EQ(accepted(R"("skill":null,"intent":{"skill":"b"})").skill, "b");
  const Intent versioned = accepted(R"("skill":{"name":"a","version":"1.2"},"intent":"x")");
  EXPECT_EQ(versioned.skill, "a");
  EXPECT_EQ(versioned.skill_version, "1.2");
}

TEST(DecodeIntentTest, TheFieldStdinWinsOverTheBody) {
  EXPECT_EQ(accepted(R"("stdin":"s","intent":{"data":"d"})").stdin_data, "s");
  EXPECT_EQ(accepted(R"("stdin":"","intent":{"data":"d"})").stdin_data, "d");
}

TEST(DecodeIntentTest, EveryFieldIsRead) {
  const Intent intent = accepted(
      R"("intent":"x","v":1,"timestamp":1763694249.5,"script":"scripts/a.py","args":["-n","1"],"input":{"a":1.0},
         "files":[{"path":"a.txt","content":"A"},{"path":"b","content_base64":"AAE="}],"collect":["*.png"],
         "env":{"KEY":"first","OTHER":"o","KEY":"last"},"timeout_ms":1500,"deadline":1763694300,"priority":9,
         "idempotent":true,"idempotency_key":"k","stream":true,"traceparent":"00-ab-cd-01","new_field":{"x":[]})");
  EXPECT_EQ(intent.timestamp, 1763694249.5);
  EXPECT_EQ(intent.script, "scripts/a.py");
  EXPECT_THAT(intent.args, ElementsAre("-n", "1"));
  EXPECT_EQ(intent.input_json, R"({"a":1.0})");
  EXPECT_THAT(intent.files, ElementsAre(InputFile{"a.txt", "A"}, InputFile{"b", std::string("\0\1", 2)}));
  EXPECT_THAT(intent.collect, ElementsAre("*.png"));
  EXPECT_THAT(intent.env, ElementsAre(Pair("KEY", "last"), Pair("OTHER", "o")));
  EXPECT_EQ(intent.timeout, 1500ms);
  EXPECT_EQ(intent.deadline, 1763694300.0);
  EXPECT_EQ(intent.priority, 9);
  EXPECT_TRUE(intent.idempotent);
  EXPECT_EQ(intent.idempotency_key, "k");
  EXPECT_TRUE(intent.stream);
  EXPECT_EQ(intent.traceparent, "00-ab-cd-01");
}

TEST(DecodeIntentTest, NullCountsAsNotGiven) {
  const Intent plain = accepted(R"("intent":"x")");
  EXPECT_EQ(accepted(R"("intent":"x","v":null,"timestamp":null,"script":null,"args":null,"input":null,"files":null,
                        "collect":null,"env":null,"timeout_ms":null,"deadline":null,"priority":null,"idempotent":null,
                        "idempotency_key":null,"stream":null,"traceparent":null,"skill":null,"stdin":null)"),
            plain);
}

TEST(DecodeIntentTest, ARefusalNamesTheFieldWhatItWasAndWhatIsAllowed) {
  EXPECT_EQ(refusal(R"("intent":"x","priority":12)"), "priority: was the number 12; allowed is an integer from 0 to 9");
  EXPECT_EQ(refusal(R"("intent":"x","timeout_ms":"soon")"),
            "timeout_ms: was the string \"soon\"; allowed is an integer from 1 to 604800000");
  EXPECT_EQ(refusal(R"("intent":[1])"), "intent: was an array; allowed is a string or an object");
  EXPECT_EQ(refusal(R"("intent":{"skill":3})"),
            "intent.skill: was the number 3; allowed is a string or an object {name, version}");
}

TEST(DecodeIntentTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(decode_intent(R"({"reply_to":"R","intent":"x"})").error().detail, HasSubstr("request_id: was missing"));
  EXPECT_THAT(decode_intent(R"({"request_id":"r","intent":"x"})").error().detail, HasSubstr("reply_to: was missing"));
  EXPECT_THAT(refusal(R"("v":1)"), HasSubstr("intent: was missing"));
}

TEST(DecodeIntentTest, NumbersOutOfRangeAreRefused) {
  for (const char* member :
       {R"("timeout_ms":0)", R"("timeout_ms":-1)", R"("timeout_ms":604800001)", R"("timeout_ms":1.5)",
        R"("timeout_ms":1e300)", R"("deadline":-1)", R"("deadline":1763694249123)", R"("deadline":1e999)",
        R"("timestamp":-1e999)", R"("priority":-1)", R"("priority":10)", R"("priority":18446744073709551615)",
        R"("priority":true)", R"("v":2)", R"("timestamp":"now")"}) {
    refusal(R"("intent":"x",)" + std::string(member));
  }
}

TEST(DecodeIntentTest, FilesAreChecked) {
  for (const char* files :
       {R"({})", R"([1])", R"([{}])", R"([{"path":"a"}])", R"([{"content":"a"}])", R"([{"path":"","content":"a"}])",
        R"([{"path":"a","content":"b","content_base64":""}])", R"([{"path":"a","content_base64":"A"}])",
        R"([{"path":"a\u0000b","content":""}])", R"([{"path":7,"content":""}])"}) {
    EXPECT_THAT(refusal(R"("intent":"x","files":)" + std::string(files)), HasSubstr("files")) << files;
  }
}

TEST(DecodeIntentTest, SecretsStandInNoErrorMessage) {
  EXPECT_THAT(refusal(R"("intent":"x","env":{"TOKEN":["hunter2"]})"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(refusal(R"("intent":"x","env":{"hunter2=":"a"})"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(refusal(R"("intent":"x","env":"hunter2")"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(refusal(R"("intent":"x","env":{"TOKEN":"hunter2\u0000"})"), Not(HasSubstr("hunter2")));
}

TEST(DecodeIntentTest, ListsAreBounded) {
  std::string args = "\"\"";
  for (std::size_t i = 0; i < limits::kIntentItemsMax; ++i) args += ",\"\"";
  EXPECT_THAT(refusal(R"("intent":"x","args":[)" + args + "]"), HasSubstr("args: was longer"));
}

TEST(DecodeRoutingTest, ReadsTheSameAsTheIntent) {
  const std::string text = message(
      R"("intent":{"priority":1},"timeout_ms":7,"deadline":8.5,"priority":3,"idempotent":true,"idempotency_key":"k")");
  auto routing = decode_routing(text);
  ASSERT_TRUE(routing);
  EXPECT_EQ(*routing, (RoutingFields{{"r1", "AGENT_REPLY_1"}, 7ms, 8.5, 3, true, "k"}));
}

TEST(DecodeRoutingTest, GivesTheSameErrorsForItsFields) {
  for (const char* members :
       {R"("intent":"x","priority":12)", R"("intent":"x","deadline":"d")", R"("intent":"x","idempotency_key":"")",
        R"("intent":"x","reply_to":"a b")", R"("intent":"x","request_id":"a\nb")", R"("intent":"x","idempotent":1)"}) {
    auto routing = decode_routing(message(members));
    ASSERT_FALSE(routing) << members;
    EXPECT_EQ(routing.error().detail, refusal(members));
  }
}

TEST(DecodeRoutingTest, DoesNotCareForTheOtherFields) { EXPECT_TRUE(decode_routing(message(R"("args":7)"))); }

TEST(EncodeIntentTest, LeavesOutWhatIsAtItsDefault) {
  Intent intent;
  intent.address = {"r1", "AGENT_REPLY_1"};
  intent.body = "x";
  EXPECT_EQ(encode_intent(intent), R"({"request_id":"r1","reply_to":"AGENT_REPLY_1","intent":"x"})");
}

TEST(EncodeIntentTest, DoesNotRepeatWhatTheReceiverDerives) {
  for (const char* members : {R"("intent":"x")", R"("intent":{"data":"long text"})", R"("intent":{"data":[1, 2]})"}) {
    EXPECT_THAT(encode_intent(accepted(members)), Not(HasSubstr("stdin"))) << members;
  }
}

TEST(EncodeIntentTest, WhatIsNotJsonAsInputIsSentAsAString) {
  Intent intent;
  intent.address = {"r1", "AGENT_REPLY_1"};
  intent.input_json = R"(1},"priority":9)";
  auto decoded = decode_intent(encode_intent(intent));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->priority, 5);
}

TEST(DecodeReplyTest, AReplyOfAnOlderServerIsAccepted) {
  auto reply = decode_reply(R"({"request_id":"r1","status":"success","content":"c","error":null,"timestamp":1.5})");
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->success);
  EXPECT_EQ(reply->content, "c");
  EXPECT_EQ(reply->error, "");
  EXPECT_EQ(reply->timestamp, 1.5);
  EXPECT_EQ(reply->attempt, 1U);
}

TEST(DecodeReplyTest, AnUnknownStatusIsRefused) {
  auto reply = decode_reply(R"({"request_id":"r1","status":"done"})");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().detail, "status: was the string \"done\"; allowed is \"success\" or \"error\"");
}

TEST(DecodeReplyTest, AnUnknownCodeIsKept) {
  auto reply = decode_reply(R"({"request_id":"r1","status":"error","code":"from_the_future"})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, "from_the_future");
}

TEST(DecodeReplyTest, PartsOfTheWrongTypeAreRefused) {
  for (const char* member : {R"("exit":1)", R"("exit":{"code":"0"})", R"("exit":{"code":3000000000})",
                             R"("timing_ms":{"run":-1})", R"("truncated":{"stdout":1})", R"("attempt":0)",
                             R"("content":{})", R"("timestamp":"now")", R"("exit":{"timed_out":"no"})"}) {
    EXPECT_FALSE(decode_reply(R"({"request_id":"r1","status":"success",)" + std::string(member) + "}")) << member;
  }
}

TEST(EncodeReplyTest, MalformedBytesBecomeReplacementCharacters) {
  Reply reply;
  reply.request_id = "r1";
  reply.success = true;
  reply.content = "a\xff\xc3(\xed\xa0\x80z";
  auto decoded = decode_reply(encode_reply(reply));
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->content.starts_with("a\xef\xbf\xbd"));
  EXPECT_TRUE(decoded->content.ends_with("z"));
}

TEST(EncodeReplyTest, ANumberThatJsonLacksIsLeftToTheReader) {
  Reply reply;
  reply.request_id = "r1";
  reply.timestamp = std::numeric_limits<double>::quiet_NaN();
  auto decoded = decode_reply(encode_reply(reply));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->timestamp, 0);
}

TEST(ReplyTest, AFailureSaysWhy) {
  const Reply reply = Reply::failure("r1", ErrorCode::no_capacity, "all busy");
  EXPECT_FALSE(reply.success);
  EXPECT_EQ(reply.code, "no_capacity");
  EXPECT_EQ(decode_reply(encode_reply(reply)).value(), reply);
}

TEST(ReplyTest, OutputsThatAreNoObjectAreLeftOut) {
  Reply reply;
  reply.request_id = "r1";
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  for (const std::string& outputs :
       {std::string("[1]"), std::string("7"), std::string("{"), std::string(" "),
        std::string(R"({},"status":"success")"), std::string("{},{}"), "{\"deep\":" + deep + "}"}) {
    reply.outputs_json = outputs;
    const auto decoded = decode_reply(encode_reply(reply));
    ASSERT_TRUE(decoded) << outputs;
    EXPECT_EQ(decoded->outputs_json, "") << outputs;
    EXPECT_FALSE(decoded->success);
  }
}

TEST(ReplyTest, AnArtifactThatCannotBeReadIsNamed) {
  for (const char* artifacts : {R"({})", R"([7])", R"([{}])", R"([{"path":""}])", R"([{"path":"a\u0000b"}])",
                                R"([{"path":"a","content_base64":"?"}])", R"([{"path":"a","size":-1}])"}) {
    const auto decoded =
        decode_reply(R"({"request_id":"r1","status":"success","artifacts":)" + std::string(artifacts) + "}");
    ASSERT_FALSE(decoded) << artifacts;
    EXPECT_NE(decoded.error().detail.find("artifacts"), std::string::npos) << decoded.error().detail;
  }
}

TEST(FindReturnAddressTest, IsFoundInWhatIsCutOffOrWrong) {
  const ReturnAddress address{"r1", "AGENT_REPLY_1"};
  for (const char* text :
       {R"({"request_id":"r1","reply_to":"AGENT_REPLY_1","intent":"cut of)",
        "\xef\xbb\xbf{\"request_id\":\"r1\",\"reply\\u005fto\":\"AGENT_REPLY_1\"",
        R"({"request_id":"r1","reply_to":"AGENT_REPLY_1","intent":7})",
        R"( { "reply_to" : "AGENT_REPLY_1" , "x" : [ nonsense , { } ] , "request_id" : "r1" } )",
        R"({"intent":"\"request_id\":\"wrong\"","request_id":"r\u0031","reply_to":"AGENT_REPLY_1")",
        R"({"intent":{"request_id":"wrong","reply_to":"WRONG"},"request_id":"r1","reply_to":"AGENT_REPLY_1"])",
        R"({]"request_id":"r1","reply_to":"AGENT_REPLY_1","deadline":1e999})"}) {
    EXPECT_EQ(find_return_address(text), address) << text;
  }
}

TEST(FindReturnAddressTest, OnlyWhatIsValidAndOutermostCounts) {
  for (const char* text : {"", "[]", "\"request_id\":\"r1\"", R"({"request_id":"r1"})",
                           R"({"a":{"request_id":"r1","reply_to":"R"}})", R"({"request_id":"r1","reply_to":"a b"})",
                           R"({"request_id":"","reply_to":"R"})", R"({"request_id":7,"reply_to":"R"})",
                           R"({"request_id":"\ud800","reply_to":"R"})", R"({"request_id":"r1","reply_to":"R)",
                           R"({"a":["request_id","r1","reply_to","R"]})", R"({"request_id":"r1"},{"reply_to":"R"})"}) {
    EXPECT_FALSE(find_return_address(text)) << text;
  }
}

}  // namespace
}  // namespace skillscale
