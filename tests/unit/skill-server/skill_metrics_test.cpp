#include "skill-server/skill_metrics.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"

namespace skillscale {
namespace {

SnapshotPtr snapshot_of(const std::vector<std::string>& names) {
  ScanResult scanned;
  std::vector<SkillPtr> skills;
  for (const std::string& name : names) {
    auto skill = std::make_shared<Skill>();
    skill->name = name;
    skills.push_back(std::move(skill));
  }
  scanned.catalogue = Catalogue::of(skills);
  return first_snapshot(std::move(scanned));
}

class SkillMetricsTest : public ::testing::Test {
 protected:
  std::string page() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }
  bool has(const std::string& line) const { return ("\n" + page()).find("\n" + line + "\n") != std::string::npos; }
  bool mentions(const std::string& text) const { return page().find(text) != std::string::npos; }

  void reply(const std::string& skill, double cpu_ms = 20) {
    Reply reply;
    reply.success = true;
    reply.skill = skill;
    reply.timing_ms.run = 30;
    reply.usage = Reply::Usage{.cpu_ms = cpu_ms, .max_rss_kb = 2048, .bytes_in = 100, .bytes_out = 5000};
    metrics_.replied(reply);
  }

  prometheus::Registry registry_;
  SkillMetrics metrics_{registry_};
};

TEST_F(SkillMetricsTest, WhatARunUsedIsInTheHistogramsOfItsSkill) {
  metrics_.follow(*snapshot_of({"a", "b"}));
  reply("a");
  EXPECT_TRUE(has(R"(skillscale_server_run_cpu_seconds_sum{skill="a"} 0.02)"));
  EXPECT_TRUE(has(R"(skillscale_server_run_cpu_seconds_bucket{skill="a",le="0.01"} 0)"));
  EXPECT_TRUE(has(R"(skillscale_server_run_cpu_seconds_bucket{skill="a",le="0.025"} 1)"));
  EXPECT_TRUE(has(R"(skillscale_server_run_memory_bytes_sum{skill="a"} 2097152)"));
  EXPECT_TRUE(has(R"(skillscale_server_run_in_bytes_sum{skill="a"} 100)"));
  EXPECT_TRUE(has(R"(skillscale_server_run_out_bytes_sum{skill="a"} 5000)"));
  EXPECT_TRUE(has(R"(skillscale_server_run_seconds_count{skill="a"} 1)"));
  EXPECT_TRUE(has(R"(skillscale_server_run_seconds_count{skill="b"} 0)"));
  EXPECT_FALSE(mentions(R"(skillscale_server_run_cpu_seconds_count{skill="b"})")) << "nothing of it has run";
}

// What an agent writes must never become a label.
TEST_F(SkillMetricsTest, NamesThatNoCatalogueHadShareOneLabel) {
  metrics_.follow(*snapshot_of({"a"}));
  for (int i = 0; i < 100; ++i) reply("made-up-" + std::to_string(i));
  EXPECT_FALSE(mentions("made-up"));
  EXPECT_TRUE(has(R"(skillscale_server_run_cpu_seconds_count{skill="other"} 100)"));
  EXPECT_TRUE(has(R"(skillscale_server_runs_total{code="success",skill="other"} 100)"));
}

TEST_F(SkillMetricsTest, ASkillThatIsGoneKeepsItsSumsAndLosesItsGauges) {
  metrics_.follow(*snapshot_of({"a", "b"}));
  reply("b");
  metrics_.observe_breakers({{"b", BreakerState::open}}, 1);
  EXPECT_TRUE(has(R"(skillscale_skill_breaker_state{skill="b"} 2)"));
  metrics_.follow(*snapshot_of({"a"}));
  EXPECT_TRUE(has(R"(skillscale_server_run_cpu_seconds_count{skill="b"} 1)"));
  EXPECT_FALSE(mentions(R"(skillscale_skill_breaker_state{skill="b"})"));
  EXPECT_FALSE(mentions(R"(skillscale_skill_stale{skill="b"})"));
  metrics_.follow(*snapshot_of({"a", "b"}));
  reply("b");
  EXPECT_TRUE(has(R"(skillscale_server_run_cpu_seconds_count{skill="b"} 2)"));
  EXPECT_TRUE(has("skillscale_server_skills 2"));
}

TEST_F(SkillMetricsTest, SkillsThatComeAndGoForEverAreBounded) {
  for (std::size_t i = 0; i < limits::kSkillLabelsMax + 50; ++i) {
    metrics_.follow(*snapshot_of({"skill-" + std::to_string(i)}));
  }
  reply("skill-0");
  reply("skill-" + std::to_string(limits::kSkillLabelsMax + 49));
  EXPECT_TRUE(has(R"(skillscale_server_runs_total{code="success",skill="skill-0"} 1)"));
  EXPECT_TRUE(has(R"(skillscale_server_runs_total{code="success",skill="other"} 1)"));
}

TEST_F(SkillMetricsTest, TheBreakerGaugeFollowsItsState) {
  metrics_.follow(*snapshot_of({"a"}));
  EXPECT_TRUE(has(R"(skillscale_skill_breaker_state{skill="a"} 0)"));
  metrics_.observe_breakers({{"a", BreakerState::open}}, 1);
  EXPECT_TRUE(has(R"(skillscale_skill_breaker_state{skill="a"} 2)"));
  metrics_.observe_breakers({{"a", BreakerState::half_open}}, 1);
  EXPECT_TRUE(has(R"(skillscale_skill_breaker_state{skill="a"} 1)"));
  metrics_.observe_breakers({}, 1);
  EXPECT_TRUE(has(R"(skillscale_skill_breaker_state{skill="a"} 0)"));
  EXPECT_TRUE(has("skillscale_server_breakers_opened_total 1"));
}

}  // namespace
}  // namespace skillscale
