#include "proxy/load.h"

#include <prometheus/text_serializer.h>

#include <nlohmann/json.hpp>

#include "unit/proxy/dispatcher_fixture.h"

namespace skillscale::testing {
namespace {

using Json = nlohmann::json;

class LoadTest : public DispatcherTest {
 protected:
  Load measure() { return measure_load(*dispatcher_, traffic_, subscriptions_, clock_.steady_now()); }
  std::string metrics_page() {
    LoadBoard board;
    board.publish(measure());
    return prometheus::TextSerializer().Serialize(board.Collect());
  }
  Traffic traffic_;
};

TEST_F(LoadTest, LoadIsWhatWaitsAndWhatRuns) {
  join("m1", 2);
  for (int i = 0; i < 5; ++i) publish_request(std::to_string(i));
  clock_.advance(1500ms);
  const Json json = Json::parse(scale_json(measure(), "TOPIC_A"));
  EXPECT_EQ(json, Json::parse(R"({"topic":"TOPIC_A","pending":3,"inflight":2,"load":5,"members":1,"credits":2,
                                  "oldest_ms":1500.0})"));
}

TEST_F(LoadTest, AnUnknownTopicHasNoLoad) { EXPECT_EQ(Json::parse(scale_json(measure(), "TOPIC_X"))["load"], 0); }

TEST_F(LoadTest, ATopicWithoutServersHasLoadToScaleFromZero) {
  publish_request("r1");
  EXPECT_EQ(Json::parse(scale_json(measure(), "TOPIC_A"))["load"], 1);
  EXPECT_NE(metrics_page().find("skillscale_pending{topic=\"TOPIC_A\",group=\"\"} 1\n"), std::string::npos);
}

TEST_F(LoadTest, IntentsThatSettleAreLoadToo) {
  publish_request("r1", "", true);
  EXPECT_EQ(Json::parse(scale_json(measure(), "TOPIC_A"))["pending"], 1);
}

TEST_F(LoadTest, MetricsHaveTheGroupsCounters) {
  join("m1", 1);
  publish_request("r1");
  publish_request("r2");
  wait(2s);
  reply(outbox_.dispatched[0].token);
  const std::string page = metrics_page();
  for (const char* line : {"skillscale_intents_dispatched_total{topic=\"TOPIC_A\",group=\"default\"} 2\n",
                           "skillscale_intents_completed_total{topic=\"TOPIC_A\",group=\"default\"} 1\n",
                           "skillscale_held_seconds_count{topic=\"TOPIC_A\",group=\"default\"} 1\n",
                           "skillscale_held_seconds_bucket{topic=\"TOPIC_A\",group=\"default\",le=\"2.5\"} 1\n",
                           "skillscale_held_seconds_bucket{topic=\"TOPIC_A\",group=\"default\",le=\"1\"} 0\n",
                           "skillscale_members{topic=\"TOPIC_A\",group=\"default\"} 1\n"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line;
  }
}

TEST_F(LoadTest, CountersOfForgottenGroupsAreKept) {
  join("m1", 1);
  publish_request("r1");
  reply(outbox_.dispatched[0].token);
  lose("m1", 1);
  wait(limits::kGroupMemory + 1s);
  const std::string page = metrics_page();
  EXPECT_EQ(page.find("topic=\"TOPIC_A\""), std::string::npos);
  EXPECT_NE(page.find("skillscale_intents_completed_total{topic=\"@forgotten\",group=\"\"} 1\n"), std::string::npos);
}

TEST_F(LoadTest, CountersOfUnservedTopicsAreKept) {
  publish_request("r1");
  dispatcher_->cancel({"r1", "AGENT_1"});
  wait(1s);
  EXPECT_NE(metrics_page().find("skillscale_intents_cancelled_total{topic=\"@unserved\",group=\"\"} 1\n"),
            std::string::npos);
}

TEST_F(LoadTest, AnswersOfTheProxyAreCountedByCode) {
  publish_request("r1");
  dispatcher_->drain();
  publish_request("r2");
  EXPECT_NE(metrics_page().find("skillscale_proxy_answers_total{code=\"draining\"} 2\n"), std::string::npos);
}

TEST_F(LoadTest, MadeUpTopicsDoNotHideAServedOne) {
  for (int i = 0; i < 5000; ++i) publish("TOPIC_" + std::to_string(i), intent_json("r", "AGENT_1"));
  join("m1", 1);
  publish_request("r1");
  EXPECT_EQ(Json::parse(scale_json(measure(), "TOPIC_A"))["inflight"], 1);
}

TEST_F(LoadTest, OnlyTopicsBecomeLabels) {
  ++traffic_.of_topic("\xff\xfe").messages_in;
  ++traffic_.of_topic("@other").messages_in;
  const std::string page = metrics_page();
  EXPECT_EQ(page.find("\xff"), std::string::npos);
  EXPECT_NE(page.find("skillscale_messages_in_total{topic=\"@other\"} 2\n"), std::string::npos);
}

TEST_F(LoadTest, AFloodOfTopicsDoesNotFloodThePage) {
  for (int i = 0; i < 5000; ++i) publish("TOPIC_" + std::to_string(i), intent_json("r", "AGENT_1"));
  for (int i = 0; i < 5000; ++i) ++traffic_.of_topic("t" + std::to_string(i)).messages_in;
  EXPECT_LT(metrics_page().size(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace skillscale::testing
