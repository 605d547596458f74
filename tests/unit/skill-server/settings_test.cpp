#include "skill-server/settings.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace skillscale {
namespace {

Result<LoadedSettings> load(std::vector<const char*> arguments,
                            const std::map<std::string, std::string>& variables = {}) {
  arguments.insert(arguments.begin(), "skillscale_skill_server");
  return load_settings(static_cast<int>(arguments.size()), arguments.data(),
                       [&](const std::string& name) -> std::optional<std::string> {
                         const auto found = variables.find(name);
                         return found == variables.end() ? std::nullopt : std::optional(found->second);
                       });
}

TEST(ServerSettingsTest, ATopicAndAFolderAreEnough) {
  const auto loaded = load({"--topic", "TOPIC_A", "--skills-dir", "/tmp"});
  ASSERT_TRUE(loaded) << loaded.error();
  const ServerSettings& settings = loaded->settings;
  EXPECT_EQ(settings.topics, std::vector<std::string>{"TOPIC_A"});
  EXPECT_EQ(settings.workers, 4U);
  EXPECT_EQ(settings.credits, 5U) << "one more than workers, so that none waits for its next intent";
  EXPECT_EQ(settings.timeout.count(), 30000);
  ASSERT_EQ(settings.proxies.size(), 1U);
  EXPECT_EQ(settings.proxies[0].xsub, "tcp://127.0.0.1:5444");
  EXPECT_EQ(settings.proxies[0].xpub, "tcp://127.0.0.1:5555");
}

TEST(ServerSettingsTest, TheEnvironmentNamesAreThoseOfTheContainers) {
  const auto loaded = load({}, {{"SKILLSCALE_TOPIC", "TOPIC_A,TOPIC_B"},
                                {"SKILLSCALE_SKILLS_DIR", "/tmp"},
                                {"SKILLSCALE_PROXY_XSUB", "tcp://a:1,tcp://b:3"},
                                {"SKILLSCALE_PROXY_XPUB", "tcp://a:2,tcp://b:4"},
                                {"SKILLSCALE_WORKERS", "7"},
                                {"SKILLSCALE_TIMEOUT", "1000"}});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->settings.topics, (std::vector<std::string>{"TOPIC_A", "TOPIC_B"}));
  ASSERT_EQ(loaded->settings.proxies.size(), 2U);
  EXPECT_EQ(loaded->settings.proxies[1].xpub, "tcp://b:4");
  EXPECT_EQ(loaded->settings.workers, 7U);
  EXPECT_EQ(loaded->settings.timeout.count(), 1000);
}

TEST(ServerSettingsTest, TheSandboxIsStandardUnlessTheOperatorSaysOtherwise) {
  const auto plain = load({"--topic", "T", "--skills-dir", "/tmp"});
  ASSERT_TRUE(plain) << plain.error();
  EXPECT_EQ(plain->settings.sandbox_rules.profile, SandboxProfile::standard);
  EXPECT_EQ(plain->settings.sandbox_rules.weakest, SandboxProfile::standard);
  EXPECT_FALSE(plain->settings.sandbox_rules.allow_network);
  EXPECT_EQ(plain->settings.sandbox.on_missing, SandboxSettings::OnMissing::refuse);
  const auto chosen = load({"--topic", "T", "--skills-dir", "/tmp", "--sandbox", "strict", "--sandbox-weakest", "none",
                            "--sandbox-missing", "degrade", "--allow-network", "--sandbox-readable", "/opt,/srv"});
  ASSERT_TRUE(chosen) << chosen.error();
  EXPECT_EQ(chosen->settings.sandbox_rules.profile, SandboxProfile::strict);
  EXPECT_EQ(chosen->settings.sandbox_rules.weakest, SandboxProfile::none);
  EXPECT_TRUE(chosen->settings.sandbox_rules.allow_network);
  EXPECT_EQ(chosen->settings.sandbox.on_missing, SandboxSettings::OnMissing::degrade);
  EXPECT_EQ(chosen->settings.sandbox.readable, (std::vector<std::string>{"/opt", "/srv"}));
}

TEST(ServerSettingsTest, LimitsAndBreakersAreTheOperators) {
  const auto plain = load({"--topic", "T", "--skills-dir", "/tmp"});
  ASSERT_TRUE(plain) << plain.error();
  EXPECT_FALSE(plain->settings.credits_chosen);
  EXPECT_EQ(plain->settings.breaker_failures, limits::kBreakerFailuresDefault);
  EXPECT_EQ(plain->settings.watch_mode, WatchSettings::Mode::automatic);
  const auto loaded =
      load({"--topic", "T", "--skills-dir", "/tmp", "--credits", "9", "--max-concurrency-per-skill", "2",
            "--breaker-failures", "0", "--breaker-cooldown", "50", "--skills-watch", "poll", "--skills-copy", "off"});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_TRUE(loaded->settings.credits_chosen);
  EXPECT_EQ(loaded->settings.per_skill_max, 2U);
  EXPECT_EQ(loaded->settings.breaker_failures, 0U);
  EXPECT_EQ(loaded->settings.breaker_cooldown.count(), 50);
  EXPECT_EQ(loaded->settings.watch_mode, WatchSettings::Mode::poll);
  EXPECT_TRUE(plain->settings.copy_skills);
  EXPECT_FALSE(loaded->settings.copy_skills);
}

TEST(ServerSettingsTest, WorkersNeedTheOperatorsWord) {
  const auto plain = load({"--topic", "T", "--skills-dir", "/tmp"});
  ASSERT_TRUE(plain) << plain.error();
  EXPECT_FALSE(plain->settings.warm.allow_worker);
  EXPECT_EQ(plain->settings.warm.runner, Runner::cold);
  const auto allowed = load({"--topic", "T", "--skills-dir", "/tmp", "--runner", "worker"},
                            {{"SKILLSCALE_ALLOW_WORKER_RUNNER", "true"}});
  ASSERT_TRUE(allowed) << allowed.error();
  EXPECT_TRUE(allowed->settings.warm.allow_worker);
  EXPECT_EQ(allowed->settings.warm.runner, Runner::worker);
}

TEST(ServerSettingsTest, WhatIsWrongIsNamed) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> wrong = {
      {{"--skills-dir", "/tmp"}, "topic"},
      {{"--topic", "TOPIC_A"}, "skills-dir"},
      {{"--topic", "not a topic", "--skills-dir", "/tmp"}, "topic"},
      {{"--topic", "@fabric", "--skills-dir", "/tmp"}, "topic"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--workers", "0"}, "workers"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--sandbox", "jail"}, "sandbox"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--runner", "worker"}, "allow-worker-runner"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--sandbox", "none", "--sandbox-weakest", "strict"}, "sandbox-weakest"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--sandbox-readable", "opt"}, "sandbox-readable"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--timeout", "soon"}, "timeout"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--skills-watch", "always"}, "skills-watch"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--breaker-cooldown", "0"}, "breaker-cooldown"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--proxy-xsub", "http://a:1"}, "proxy-xsub"},
      {{"--topic", "T", "--skills-dir", "/tmp", "--proxy-xsub", "tcp://a:1,tcp://b:1"}, "proxy-xpub"},
  };
  for (const auto& [arguments, name] : wrong) {
    const auto loaded = load(arguments);
    ASSERT_FALSE(loaded) << name;
    EXPECT_EQ(loaded.error().code, ErrorCode::invalid_config);
    EXPECT_NE(loaded.error().detail.find(name), std::string::npos) << loaded.error().detail;
  }
}

}  // namespace
}  // namespace skillscale
