#include "proxy/load.h"

#include <prometheus/metric_family.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/limits.h"

namespace skillscale {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Json = nlohmann::json;

double to_ms(std::chrono::nanoseconds duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

GroupLoad measure(const Group& group, SteadyTime now) {
  GroupLoad load;
  load.topic = group.topic->name;
  load.group = group.name;
  load.pending = group.hold.size();
  load.inflight = group.inflight;
  load.members = group.members.size();
  load.credits = group.credits();
  load.held_bytes = group.hold.bytes();
  if (const auto oldest = group.hold.oldest()) load.oldest_ms = to_ms(now - *oldest);
  load.counters = group.counters;
  return load;
}

// Every counter of a group, once, with its name and meaning.
struct CounterColumn {
  std::uint64_t GroupCounters::*member;
  const char* name;
  const char* help;
};
constexpr CounterColumn kCounters[] = {
    {&GroupCounters::dispatched, "dispatched", "Intents sent to a member"},
    {&GroupCounters::completed, "completed", "Intents answered by a member"},
    {&GroupCounters::held, "held", "Intents that had to wait for room"},
    {&GroupCounters::redelivered, "redelivered",
     "Intents sent to another member after the first was lost or gave back"},
    {&GroupCounters::given_back, "given_back", "Intents that a member gave back unstarted"},
    {&GroupCounters::taken_back, "taken_back", "Intents taken from a member that did not start them in time"},
    {&GroupCounters::joined, "joined", "Repeated intents sent to the member that has their run"},
    {&GroupCounters::expired, "expired", "Intents answered expired or no_capacity"},
    {&GroupCounters::overflowed, "overflowed", "Intents answered overloaded"},
    {&GroupCounters::cancelled, "cancelled", "Intents cancelled by their agent"},
    {&GroupCounters::worker_lost, "worker_lost", "Intents answered worker_lost"},
    {&GroupCounters::timed_out, "timed_out", "Leases that ran out without a reply"},
};

void add(GroupLoad& sum, const GroupLoad& more) {
  sum.pending += more.pending;
  sum.inflight += more.inflight;
  sum.members += more.members;
  sum.credits += more.credits;
  sum.held_bytes += more.held_bytes;
  sum.oldest_ms = std::max(sum.oldest_ms, more.oldest_ms);
  sum.counters.add(more.counters);
}

Json to_json(const GroupLoad& load) {
  return {{"pending", load.pending}, {"inflight", load.inflight}, {"load", load.pending + load.inflight},
          {"members", load.members}, {"credits", load.credits},   {"oldest_ms", load.oldest_ms}};
}

GroupLoad sum_of_topic(const Load& load, std::string_view topic) {
  GroupLoad sum;
  for (const GroupLoad& group : load.groups) {
    if (group.topic == topic) add(sum, group);
  }
  return sum;
}

ClientMetric metric(std::vector<ClientMetric::Label> labels) {
  ClientMetric metric;
  metric.label = std::move(labels);
  return metric;
}

MetricFamily family(const char* name, const char* help, MetricType type) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

MetricFamily single(const char* name, const char* help, MetricType type, double value) {
  MetricFamily result = family(name, help, type);
  ClientMetric one;
  (type == MetricType::Counter ? one.counter.value : one.gauge.value) = value;
  result.metric.push_back(one);
  return result;
}

std::vector<ClientMetric::Label> labels_of(const GroupLoad& load) {
  return {{"topic", load.topic}, {"group", load.group}};
}

template <typename Value>
MetricFamily group_gauge(const Load& load, const char* name, const char* help, Value value) {
  MetricFamily result = family(name, help, MetricType::Gauge);
  for (const GroupLoad& group : load.groups) {
    ClientMetric one = metric(labels_of(group));
    one.gauge.value = value(group);
    result.metric.push_back(std::move(one));
  }
  return result;
}

// Topics that nobody has ever served come from strangers: they have gauges, for
// scaling up from zero, but share one line of counters. So do groups that are forgotten.
std::vector<GroupLoad> groups_with_counters(const Load& load) {
  std::vector<GroupLoad> groups;
  GroupLoad unserved;
  unserved.topic = "@unserved";
  unserved.counters = load.forgotten_unserved;
  GroupLoad forgotten;
  forgotten.topic = "@forgotten";
  forgotten.counters = load.forgotten;
  for (const GroupLoad& group : load.groups) {
    if (group.group.empty()) {
      add(unserved, group);
    } else {
      groups.push_back(group);
    }
  }
  groups.push_back(std::move(unserved));
  groups.push_back(std::move(forgotten));
  return groups;
}

MetricFamily group_counter(const std::vector<GroupLoad>& groups, const CounterColumn& column) {
  MetricFamily result =
      family((std::string("skillscale_intents_") + column.name + "_total").c_str(), column.help, MetricType::Counter);
  for (const GroupLoad& group : groups) {
    ClientMetric one = metric(labels_of(group));
    one.counter.value = static_cast<double>(group.counters.*column.member);
    result.metric.push_back(std::move(one));
  }
  return result;
}

MetricFamily group_histogram(const std::vector<GroupLoad>& groups, const char* name, const char* help,
                             Durations GroupCounters::*member) {
  MetricFamily result = family(name, help, MetricType::Histogram);
  for (const GroupLoad& group : groups) {
    const Durations& durations = group.counters.*member;
    ClientMetric one = metric(labels_of(group));
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < Durations::kBounds.size(); ++i) {
      cumulative += durations.counts[i];
      one.histogram.bucket.push_back({cumulative, Durations::kBounds[i]});
    }
    one.histogram.sample_count = cumulative + durations.counts.back();
    one.histogram.sample_sum = durations.sum;
    result.metric.push_back(std::move(one));
  }
  return result;
}

struct TrafficColumn {
  std::uint64_t TrafficCount::*member;
  const char* name;
  const char* help;
};
constexpr TrafficColumn kTraffic[] = {
    {&TrafficCount::messages_in, "skillscale_messages_in_total", "Messages received, by topic"},
    {&TrafficCount::bytes_in, "skillscale_bytes_in_total", "Payload bytes received, by topic"},
    {&TrafficCount::messages_out, "skillscale_messages_out_total", "Messages sent, by topic"},
    {&TrafficCount::bytes_out, "skillscale_bytes_out_total", "Payload bytes sent, by topic"},
    {&TrafficCount::dropped, "skillscale_messages_dropped_total", "Messages that nobody could receive, by topic"},
};

MetricFamily traffic_counter(const Load& load, const TrafficColumn& column) {
  MetricFamily result = family(column.name, column.help, MetricType::Counter);
  for (const Traffic::Line& line : load.traffic) {
    ClientMetric one = metric({{"topic", line.topic}});
    one.counter.value = static_cast<double>(line.count.*column.member);
    result.metric.push_back(std::move(one));
  }
  return result;
}

MetricFamily answers(const Load& load) {
  MetricFamily result =
      family("skillscale_proxy_answers_total", "Final replies that the proxy made, by code", MetricType::Counter);
  for (const auto& [code, count] : load.counters.answers) {
    ClientMetric one = metric({{"code", std::string(name_of(code))}});
    one.counter.value = static_cast<double>(count);
    result.metric.push_back(std::move(one));
  }
  return result;
}

void add_totals(const Load& load, std::vector<MetricFamily>& families) {
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    families.push_back(single(name, help, MetricType::Counter, static_cast<double>(value)));
  };
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    families.push_back(single(name, help, MetricType::Gauge, static_cast<double>(value)));
  };
  counter("skillscale_stale_tokens_total", "Frames whose lease is over or was never given", load.counters.stale_tokens);
  counter("skillscale_late_replies_total", "Replies of leases that were taken back", load.counters.late_replies);
  counter("skillscale_garbled_replies_total", "Replies of members that were none", load.counters.garbled_replies);
  counter("skillscale_malformed_intents_total", "Intents that could not be parsed", load.counters.malformed);
  counter("skillscale_malformed_frames_total", "Frames that belong to no known message", load.totals.malformed);
  counter("skillscale_too_large_total", "Messages over the size limit", load.totals.too_large);
  counter("skillscale_subscriber_stalls_total", "Times that a subscriber's queue was full", load.totals.stalls);
  counter("skillscale_no_skill_server_total", "Intents answered no_skill_server", load.counters.no_skill_server);
  counter("skillscale_overloaded_total", "Intents answered overloaded before any group had them",
          load.counters.overloaded);
  counter("skillscale_refused_members_total", "Members refused", load.counters.refused_members);
  counter("skillscale_unresponsive_members_total", "Members that let a lease run out", load.counters.unresponsive);
  counter("skillscale_catalog_requests_total", "Questions about the skills of a topic", load.counters.catalog);
  counter("skillscale_resent_total", "Intents sent again by their agent", load.counters.resent);
  counter("skillscale_resent_known_total", "Of these, intents that were on their way already",
          load.counters.resent_known);
  counter("skillscale_unknown_cancels_total", "Cancels of intents that are not here", load.counters.unknown_cancels);
  counter("skillscale_known_runs_evicted_total", "Announced runs dropped because there were too many",
          load.known_runs_evicted);
  gauge("skillscale_hold_bytes", "Bytes of all intents that wait", load.held_bytes);
  gauge("skillscale_subscriptions", "Prefixes that agents and plain subscribers listen to", load.subscriptions);
  gauge("skillscale_subscriptions_untracked",
        "Prefixes past the bound: while there are any, every topic counts as wanted", load.subscriptions_untracked);
  families.push_back(answers(load));
  gauge("skillscale_members_all", "Members of all topics", load.members);
}

}  // namespace

Load measure_load(const Dispatcher& dispatcher, const Traffic& traffic, const Subscriptions& subscriptions,
                  SteadyTime now) {
  Load load;
  GroupLoad other;
  other.topic = "@other";
  bool has_other = false;
  const auto record = [&](GroupLoad group) {
    if (load.groups.size() < limits::kTopicsTrackedMax) {
      load.groups.push_back(std::move(group));
      return;
    }
    add(other, group);
    has_other = true;
  };
  // Served topics first: the names of the others come from strangers, and must not crowd them out.
  for (const bool served : {true, false}) {
    for (const auto& [name, topic] : dispatcher.roster().topics()) {
      if (topic->is_served() != served) continue;
      bool first = true;
      for (const auto& [group_name, group] : topic->groups) {
        GroupLoad measured = measure(*group, now);
        // What settles belongs to the topic; it is counted with its first group.
        if (std::exchange(first, false)) measured.pending += topic->settling.size();
        record(std::move(measured));
      }
    }
  }
  if (has_other) load.groups.push_back(std::move(other));
  load.traffic = traffic.lines();
  load.counters = dispatcher.counters();
  load.forgotten = dispatcher.roster().forgotten();
  load.forgotten_unserved = dispatcher.roster().forgotten_unserved();
  load.known_runs_evicted = dispatcher.known_runs_evicted();
  load.totals = traffic.totals;
  load.held_bytes = dispatcher.held_bytes();
  load.subscriptions = subscriptions.size();
  load.subscriptions_untracked = subscriptions.untracked();
  load.members = dispatcher.roster().members();
  return load;
}

std::string scale_json(const Load& load, std::string_view topic) {
  Json json = to_json(sum_of_topic(load, topic));
  json["topic"] = topic;
  return json.dump();
}

std::string topics_json(const Load& load) {
  Json topics = Json::array();
  for (const GroupLoad& group : load.groups) {
    Json entry = to_json(group);
    entry["topic"] = group.topic;
    entry["group"] = group.group;
    topics.push_back(std::move(entry));
  }
  return Json{{"topics", std::move(topics)}}.dump();
}

std::string stats_json(const Load& load) {
  Json json = Json::parse(topics_json(load));
  for (Json::size_type i = 0; i < load.groups.size(); ++i) {
    for (const CounterColumn& column : kCounters)
      json["topics"][i][column.name] = load.groups[i].counters.*column.member;
  }
  json["messages_in"] = load.totals.all.messages_in;
  json["bytes_in"] = load.totals.all.bytes_in;
  json["messages_out"] = load.totals.all.messages_out;
  json["bytes_out"] = load.totals.all.bytes_out;
  json["dropped"] = load.totals.all.dropped;
  json["hold_bytes"] = load.held_bytes;
  json["members"] = load.members;
  json["subscriptions"] = load.subscriptions;
  return json.dump();
}

void LoadBoard::publish(Load load) {
  auto next = std::make_shared<const Load>(std::move(load));
  *latest_.lock() = std::move(next);
}

std::shared_ptr<const Load> LoadBoard::latest() const { return *latest_.lock(); }

std::vector<MetricFamily> LoadBoard::Collect() const {
  const std::shared_ptr<const Load> load = latest();
  const auto as_double = [](std::uint64_t GroupLoad::*member) {
    return [member](const GroupLoad& group) { return static_cast<double>(group.*member); };
  };
  std::vector<MetricFamily> families;
  families.push_back(
      group_gauge(*load, "skillscale_pending", "Intents that wait for room", as_double(&GroupLoad::pending)));
  families.push_back(
      group_gauge(*load, "skillscale_inflight", "Intents that members have", as_double(&GroupLoad::inflight)));
  families.push_back(
      group_gauge(*load, "skillscale_members", "Skill servers in the group", as_double(&GroupLoad::members)));
  families.push_back(group_gauge(*load, "skillscale_credits", "Intents that the members may have at once",
                                 as_double(&GroupLoad::credits)));
  families.push_back(group_gauge(*load, "skillscale_held_bytes", "Bytes that wait", as_double(&GroupLoad::held_bytes)));
  families.push_back(group_gauge(*load, "skillscale_oldest_seconds", "Age of the intent that has waited longest",
                                 [](const GroupLoad& group) { return group.oldest_ms / 1000; }));
  const std::vector<GroupLoad> counted = groups_with_counters(*load);
  for (const CounterColumn& column : kCounters) families.push_back(group_counter(counted, column));
  families.push_back(group_histogram(counted, "skillscale_held_seconds", "How long intents waited for room",
                                     &GroupCounters::time_held));
  families.push_back(
      group_histogram(counted, "skillscale_leased_seconds", "From dispatch to reply", &GroupCounters::time_leased));
  for (const TrafficColumn& column : kTraffic) families.push_back(traffic_counter(*load, column));
  add_totals(*load, families);
  return families;
}

}  // namespace skillscale
