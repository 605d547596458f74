#include "proxy/settings.h"

#include <gtest/gtest.h>

#include <vector>

namespace skillscale {
namespace {

Result<Config::Finished> load(std::vector<const char*> arguments, ProxySettings& settings) {
  arguments.insert(arguments.begin(), "skillscale_proxy");
  return load_proxy_settings(static_cast<int>(arguments.size()), arguments.data(), settings);
}

TEST(ProxySettingsTest, DefaultsBindEveryAddress) {
  ProxySettings settings;
  ASSERT_TRUE(load({}, settings));
  EXPECT_EQ(settings.xsub_endpoint(), "tcp://*:5444");
  EXPECT_EQ(settings.xpub_endpoint(), "tcp://*:5555");
  EXPECT_EQ(settings.held_topics, std::vector<std::string>{"TOPIC_*"});
}

TEST(ProxySettingsTest, AnAddressAndAPortMakeAnEndpoint) {
  ProxySettings settings;
  ASSERT_TRUE(
      load({"--xsub-bind", "127.0.0.1", "--xsub-port", "0", "--xpub-bind", "::1", "--xpub-port", "7"}, settings));
  EXPECT_EQ(settings.xsub_endpoint(), "tcp://127.0.0.1:*");
  EXPECT_EQ(settings.xpub_endpoint(), "tcp://[::1]:7");
}

TEST(ProxySettingsTest, AWholeEndpointIsTakenAsItIs) {
  ProxySettings settings;
  ASSERT_TRUE(load({"--xsub-bind", "ipc:///tmp/xsub"}, settings));
  EXPECT_EQ(settings.xsub_endpoint(), "ipc:///tmp/xsub");
}

TEST(ProxySettingsTest, WrongValuesAreRefusedByName) {
  const std::vector<std::vector<const char*>> wrong = {
      {"--xsub-port", "70000"},
      {"--xsub-port", "-1"},
      {"--xpub-port", "x"},
      {"--xsub-bind", "http://a:1"},
      {"--held-topics", "a b"},
      {"--hold-max-ms", "0"},
      {"--attempts", "0"},
      {"--drain-timeout", "-5"},
      {"--unknown"},
      {"--log-level", "chatty"},
      {"stray"},
  };
  for (const auto& arguments : wrong) {
    ProxySettings settings;
    const auto loaded = load(arguments, settings);
    ASSERT_FALSE(loaded) << arguments[0];
    EXPECT_EQ(loaded.error().code, ErrorCode::invalid_config);
    EXPECT_NE(loaded.error().detail.find(arguments[0]), std::string::npos) << loaded.error().detail;
  }
}

}  // namespace
}  // namespace skillscale
