// The part of the dispatcher that deals with questions about the skills of a topic.
#include <utility>

#include "protocol/catalog.h"
#include "proxy/dispatcher.h"

namespace skillscale {

void Dispatcher::ask_catalog(std::string_view topic_name, zmq::message_t& payload) {
  Delivery delivery = new_delivery(payload);
  if (!parse(delivery)) return;
  ++counters_.catalog;
  delivery.catalog = true;
  delivery.fields.idempotency_key.clear();
  offer_question(topic_name, std::move(delivery));
}

void Dispatcher::offer_question(std::string_view topic_name, Delivery delivery) {
  if (draining_) return answer(delivery, ErrorCode::draining, "the proxy is stopping; ask again");
  Topic* topic = roster_.find_topic(topic_name);
  std::vector<Member*> members;
  if (topic != nullptr && delivery.attempt <= settings_.attempts_max) members = topic->staying_members();
  if (members.empty()) {
    ++counters_.no_skill_server;
    return answer(delivery, ErrorCode::no_skill_server, "no skill server serves the topic " + std::string(topic_name));
  }
  if (lease_question(*topic, members, delivery)) return;
  ++counters_.overloaded;
  answer(delivery, ErrorCode::overloaded, "no skill server of the topic takes a question now");
}

// Members of all groups take turns: each is as good as the other. The lease is granted from the start: there is
// nothing to be started, and it ends at its deadline.
bool Dispatcher::lease_question(Topic& topic, const std::vector<Member*>& members, Delivery& delivery) {
  for (std::size_t tried = 0; tried < members.size(); ++tried) {
    Member& member = *members[topic.next_asked++ % members.size()];
    if (member.stalled || member.joins >= limits::kJoinsMax) continue;
    if (!lease_to(member, delivery, true)) continue;
    Lease& lease = leases_.at(member.leases.back());
    lease.state = Lease::State::granted;
    lease.deadline = now() + limits::kCatalogAnswerTime;
    return true;
  }
  return false;
}

}  // namespace skillscale
