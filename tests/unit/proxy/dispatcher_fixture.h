// A dispatcher whose world is a list of what it did.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "protocol/codec.h"
#include "proxy/dispatcher.h"
#include "support/manual_clock.h"

namespace skillscale::testing {

using namespace std::chrono_literals;

class RecordingOutbox : public Outbox {
 public:
  struct Dispatched {
    std::string member;
    std::string payload;
    std::string token;
    DeliveryFacts facts;
  };
  struct Controlled {
    std::string member;
    std::string control;
    std::string token;
  };
  struct Answered {
    std::string reply_to;
    Reply reply;
  };

  bool dispatch(Member& member, zmq::message_t& payload, const Token& token, const DeliveryFacts& facts) override {
    if (full_queues.count(member.name) != 0) return false;
    dispatched.push_back({member.name, payload.to_string(), encode_token(token), facts});
    return true;
  }
  bool control(const Member& member, std::string_view control, const Token& token) override {
    controlled.push_back({member.name, std::string(control), encode_token(token)});
    return true;
  }
  void answer(const std::string& reply_to, const Reply& reply) override { answered.push_back({reply_to, reply}); }

  std::vector<Dispatched> dispatched;
  std::vector<Controlled> controlled;
  std::vector<Answered> answered;
  std::map<std::string, bool> full_queues;
};

inline std::string member_name(const std::string& topic, const std::string& instance, std::uint32_t credits,
                               const std::string& group = "default") {
  return encode_member_name({topic, group, instance, credits});
}

inline std::string intent_json(const std::string& request_id, const std::string& agent, const std::string& more = "") {
  return R"({"request_id":")" + request_id + R"(","reply_to":")" + agent + R"(","intent":"do it")" + more + "}";
}

class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() {
    subscriptions_.add("AGENT");
    clock_.advance(limits::kResendSettleTime);  // The proxy has been there for a while.
  }

  bool publish(const std::string& topic, const std::string& payload, bool resent = false) {
    zmq::message_t message(payload);
    return dispatcher_->accept(topic, message, resent);
  }
  bool publish_request(const std::string& request_id, const std::string& more = "", bool resent = false) {
    return publish("TOPIC_A", intent_json(request_id, "AGENT_1", more), resent);
  }
  void join(const std::string& instance, std::uint32_t credits = 2, const std::string& group = "default") {
    dispatcher_->join(member_name("TOPIC_A", instance, credits, group));
  }
  void lose(const std::string& instance, std::uint32_t credits = 2) {
    dispatcher_->leave(member_name("TOPIC_A", instance, credits));
  }
  void start(const std::string& token, bool idempotent = false) { dispatcher_->start({token, idempotent, 1000ms}); }
  bool reply(const std::string& token) { return dispatcher_->finish(token, "AGENT_1"); }
  void wait(std::chrono::nanoseconds time) {
    clock_.advance(time);
    dispatcher_->sweep();
  }
  const Group& group() { return *dispatcher_->roster().topics().find("TOPIC_A")->second->groups.at("default"); }
  std::string code_of_last_answer() { return outbox_.answered.empty() ? "none" : outbox_.answered.back().reply.code; }
  std::string instance_of(const RecordingOutbox::Dispatched& dispatched) {
    return parse_member_name(dispatched.member)->instance;
  }

  ManualClock clock_;
  Subscriptions subscriptions_;
  RecordingOutbox outbox_;
  DispatcherSettings settings_;
  std::unique_ptr<Dispatcher> dispatcher_ = std::make_unique<Dispatcher>(settings_, outbox_, subscriptions_, clock_, 7);
  void use(DispatcherSettings settings) {
    settings_ = std::move(settings);
    restart();
    clock_.advance(limits::kResendSettleTime);
  }
  // A proxy that has just started.
  void restart() { dispatcher_ = std::make_unique<Dispatcher>(settings_, outbox_, subscriptions_, clock_, 7); }
};

}  // namespace skillscale::testing
