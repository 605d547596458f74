#include "skill-server/server.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/random_id.h"
#include "base/utf8.h"
#include "daemon/logging.h"
#include "os/ready_file.h"
#include "protocol/codec.h"
#include "skill-server/catalog_answers.h"
#include "skills/selection.h"

namespace skillscale {
namespace {

using namespace std::chrono_literals;

// Where the reply goes that ends the lease of an intent which nobody can be answered for.
constexpr const char* kNobodyTopic = "NOBODY";

std::vector<Membership> memberships_of(const ServerSettings& settings) {
  std::vector<Membership> memberships;
  for (const std::string& topic : settings.topics) {
    for (const std::string& group : settings.groups) memberships.push_back({.topic = topic, .group = group});
  }
  return memberships;
}

// Intents that wait for another run of their skill keep their credit, so there are some more of them then.
std::uint32_t credits_of(const ServerSettings& settings, const LiveCatalogue& catalogue) {
  const bool limited = settings.per_skill_max > 0 || catalogue.has_limits_below(settings.workers);
  return settings.credits + (limited && !settings.credits_chosen ? limits::kParkedCredits : 0);
}

Runs::Bounds bounds_of(const ServerSettings& settings, std::uint32_t credits) {
  const std::size_t by_credit = settings.proxies.size() * settings.topics.size() * settings.groups.size() * credits;
  return {.workers = settings.workers,
          .per_skill_max = settings.per_skill_max,
          .leases_max = by_credit + limits::kJoinsMax,
          .grant_wait_max = limits::kGrantWaitMax,
          .cache_bytes_max = settings.reply_cache_bytes,
          .cache_time_max = settings.reply_cache_time_max,
          .breaker = {.failures = settings.breaker_failures,
                      .cooldown = settings.breaker_cooldown,
                      .cooldown_max = limits::kBreakerCooldownMax}};
}

}  // namespace

// --- Life ---------------------------------------------------------------------------------

Result<std::unique_ptr<Server>> Server::create(const ServerSettings& settings, const Parts& parts) {
  std::unique_ptr<Server> server(new Server(settings, parts));
  if (auto started = server->start(); !started) return std::move(started).error();
  return server;
}

Server::Server(const ServerSettings& settings, const Parts& parts)
    : settings_(settings),
      parts_(parts),
      server_id_(random_id()),
      executor_({.run_folders = settings.run_folders,
                 .kill_grace = settings.kill_grace,
                 .maxima = settings.maxima,
                 .artifacts = settings.artifacts,
                 .sandbox = parts.sandbox}),
      metrics_(settings.topics, settings.workers),
      warm_{.settings = settings.warm, .clock = parts.clock},
      warm_metrics_(*metrics_.registry(), warm_.counters),
      catalogue_(std::move(parts_.catalogue), parts.watch, metrics_.skills(), settings.skills_folder),
      credits_(credits_of(settings, catalogue_)),
      runs_(bounds_of(settings, credits_)),
      event_metrics_(*metrics_.registry()),
      events_(server_id_, *this, event_metrics_) {
  if (parts.sandbox != nullptr) metrics_.sandbox(parts.sandbox->sandbox());
}

Server::~Server() = default;

Result<void> Server::start() {
  AdminHttp::Handler skills = [this](std::string_view) { return HttpReply{.body = catalogue_.page()}; };
  auto http = AdminHttp::start({.bind = settings_.metrics_bind, .port = settings_.metrics_port}, metrics_.registry(),
                               [this] { return ready(); }, {{"/v1/skills", std::move(skills)}});
  if (!http) return std::move(http).error();
  http_.emplace(std::move(*http));
  for (const ServerSettings::Proxy& proxy : settings_.proxies) {
    links_.push_back(std::make_unique<FabricLink>(parts_.context, memberships_of(settings_), credits_));
    if (auto connected = links_.back()->connect(proxy); !connected) return connected;
  }
  if (parts_.ladder != nullptr) metrics_.kill_strategy(name_of(parts_.ladder->strategy()));
  if (const auto removed = remove_orphaned_folders(settings_.run_folders, limits::kOrphanedFolderAgeMin); removed > 0) {
    log::info("removed what a killed server has left", {{"folders", removed}, {"in", settings_.run_folders}});
  }
  pool_.emplace(settings_.workers, executor_, parts_.ladder, &warm_);
  return {};
}

void Server::request_stop() noexcept {
  ++stops_requested_;
  stop_wakeup_.notify();
}

int Server::run(Shutdown* shutdown) {
  log::info("skill server is up", {{"server", server_id_},
                                   {"skills", catalogue_.now().catalogue.all().size()},
                                   {"workers", settings_.workers},
                                   {"http_port", http_port()}});
  Poller poller;
  for (const auto& link : links_) link->add_to(poller);
  poller.add(pool_->results_fd());
  poller.add(events_.fd());
  poller.add(stop_wakeup_.fd());
  if (catalogue_.fd() >= 0) poller.add(catalogue_.fd());
  if (shutdown != nullptr) poller.add(shutdown->fd());
  while (phase_ != Phase::ended) {
    poller.wait(time_to_wait());
    take_stops(shutdown);
    follow_links();
    for (std::size_t link = 0; link < links_.size(); ++link) receive(link);
    events_.pump(now());
    take_results();
    take_catalogue();
    keep_up();
  }
  ready_ = false;
  log::info("skill server has stopped", {{"server", server_id_}, {"exit_status", exit_status_}});
  return exit_status_;
}

std::chrono::milliseconds Server::time_to_wait() const {
  SteadyTime next = std::min(now() + limits::kServerUpkeepInterval, phase_end_);
  if (const auto wake = runs_.next_wake()) next = std::min(next, *wake);
  if (const auto due = events_.next_due(now())) next = std::min(next, *due);
  if (reply_backlog() > 0) next = std::min(next, now() + limits::kReplyRetryInterval);
  return std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(next - now()));
}

void Server::take_stops(Shutdown* shutdown) {
  stop_wakeup_.clear();
  const int requested = stops_requested_;
  int stops = requested - std::exchange(stops_seen_, requested);
  while (const auto signal = shutdown == nullptr ? std::nullopt : shutdown->take_signal()) {
    if (*signal == SIGHUP) {
      catalogue_.reload();
    } else {
      ++stops;
    }
  }
  for (; stops > 0; --stops) {
    if (phase_ == Phase::serving) {
      begin_drain();
    } else {
      log::warn("stopped at once", {{"running", runs_.running()}});
      phase_ = Phase::ended;
      exit_status_ = 1;
    }
  }
}

void Server::take_results() {
  for (WorkerPool::Finished& finished : pool_->take_finished()) {
    finished.reply.server = server_id_;
    finished.reply.timestamp = to_epoch_seconds(parts_.clock.wall_now());
    catalogue_.add_warnings(finished.reply);
    log::info("run ended", {{"request_id", finished.reply.request_id},
                            {"skill", finished.reply.skill},
                            {"code", finished.reply.success ? std::string_view("success") : finished.reply.code},
                            {"run_ms", finished.reply.timing_ms.run.value_or(0)}});
    events_.finish(finished.run, finished.reply);
    runs_.finished(finished.run, std::move(finished.reply), now());
    act();
  }
}

void Server::take_catalogue() {
  if (!catalogue_.take(runs_)) return;
  look_for_new_limits();
  for (std::size_t link = 0; link < links_.size(); ++link) tell_catalogue(link);
}

// Credits are a part of the memberships' names, and so stay what they were at the start.
void Server::look_for_new_limits() {
  const bool has_room = settings_.credits_chosen || credits_ > settings_.credits;
  if (has_room || new_limits_logged_ || !catalogue_.has_limits_below(settings_.workers)) return;
  new_limits_logged_ = true;
  log::warn("a skill has a concurrency limit that none had at the start: what waits for it leaves others little room",
            {{"credits", credits_}, {"better", "restart the server, or set its credits"}});
}

// Agents that have subscribed to it learn that there are other skills now, or another server.
void Server::tell_catalogue(std::size_t link) {
  for (const std::string& name : links_[link]->member_names()) {
    links_[link]->send_upstream(encode_catalog_news({.member = name,
                                                     .server = server_id_,
                                                     .digest = catalogue_.now().digest,
                                                     .skills = catalogue_.now().catalogue.all().size()}));
  }
}

void Server::act() {
  for (Action& action : runs_.take_actions()) {
    std::visit([this](auto& chosen) { perform(std::move(chosen)); }, action);
  }
}

void Server::keep_up() {
  runs_.tick(now());
  act();
  for (const auto& link : links_) link->retry_backlog();
  metrics_.observe(runs_, proxies_joined(), reply_backlog());
  look_after_guardian();
  warm_metrics_.observe();
  catalogue_.observe(runs_.breakers(), now());
  advance_drain();
}

// Only a new process could have another one: this one has threads.
void Server::look_after_guardian() {
  if (guardian_lost_ || parts_.ladder == nullptr || parts_.ladder->guardian().is_alive()) return;
  guardian_lost_ = true;
  metrics_.guardian_lost();
  log::error("the guardian is gone: if this server is killed, its runs go on",
             {{"guardian", parts_.ladder->guardian().pid()}});
}

std::size_t Server::proxies_joined() const {
  return static_cast<std::size_t>(std::ranges::count_if(links_, [](const auto& link) { return link->joined(); }));
}

std::size_t Server::reply_backlog() const {
  std::size_t total = 0;
  for (const auto& link : links_) total += link->backlog();
  return total;
}

// --- Proxies --------------------------------------------------------------------------------

void Server::follow_links() {
  for (std::size_t index = 0; index < links_.size(); ++index) {
    FabricLink& link = *links_[index];
    for (auto change = link.next_change(); change != FabricLink::Change::none; change = link.next_change()) {
      const bool joined = change == FabricLink::Change::joined;
      log::write(joined ? log::Level::info : log::Level::warn, joined ? "joined the proxy" : "lost the proxy",
                 {{"proxy", link.address()}, {"running", runs_.running()}});
      if (joined) {
        announce(index);
        tell_catalogue(index);
        continue;
      }
      runs_.connection_lost(index, now());
      events_.connection_lost(index);
      act();
      // Agents that were behind that proxy send again through another one.
      for (std::size_t other = 0; other < links_.size(); ++other) announce(other);
    }
  }
  ready_ = phase_ == Phase::serving && proxies_joined() > 0;
  if (!ready_ || settings_.ready_file.empty() || std::exchange(ready_file_written_, true)) return;
  const nlohmann::json text = {{"http", "http://127.0.0.1:" + std::to_string(http_port())}};
  if (auto written = write_ready_file(settings_.ready_file, text.dump()); !written) {
    log::error("no ready file", {{"error", written.error().detail}});
  }
}

void Server::announce(std::size_t link) {
  const std::vector<std::string>& names = links_[link]->member_names();
  for (std::size_t index = 0; index < names.size(); ++index) {
    const Membership& membership = links_[link]->memberships()[index];
    std::vector<AnnounceFrame::Run> runs = runs_.announcements(membership.topic, membership.group);
    for (auto first = runs.begin(); first != runs.end();) {
      const auto last = first + std::min<std::ptrdiff_t>(runs.end() - first, limits::kAnnouncementRunsMax);
      links_[link]->send_upstream(encode_announce({.member = names[index], .runs = {first, last}}));
      first = last;
    }
  }
}

// The proxy wants to know who has a request that its agent has sent again.
void Server::announce_one(std::size_t link, const Dispatch& dispatch) {
  const Membership* membership = links_[link]->find_member(dispatch.member);
  const auto address = parse_who(dispatch.payload);
  if (membership == nullptr || !address) return;
  const auto run = runs_.announcement_of({membership->topic, membership->group, *address}, now());
  if (run) links_[link]->send_upstream(encode_announce({.member = std::string(dispatch.member), .runs = {*run}}));
}

void Server::receive(std::size_t link) {
  for (int count = 0; count < limits::kBurstMessagesMax && links_[link]->receive(frames_); ++count) {
    if (links_[link]->take_echo(frames_)) continue;
    handle(link, read_dispatch(frames_));
    act();
  }
}

void Server::handle(std::size_t link, const Dispatch& dispatch) {
  if (!dispatch.problem.empty()) count_malformed(dispatch);
  switch (dispatch.kind) {
    case Dispatch::Kind::intent:
      return handle_intent(link, dispatch);
    case Dispatch::Kind::question:
      return handle_question(link, dispatch);
    case Dispatch::Kind::go:
      return runs_.granted(link, dispatch.token, now());
    case Dispatch::Kind::cancel:
      return runs_.cancel(link, dispatch.token, now());
    case Dispatch::Kind::who:
      return announce_one(link, dispatch);
    case Dispatch::Kind::malformed:
      return refuse(link, dispatch, {ErrorCode::invalid_request, std::string(dispatch.problem)});
  }
}

void Server::count_malformed(const Dispatch& dispatch) {
  metrics_.malformed();
  log::warn("malformed message", {{"problem", dispatch.problem}, {"bytes", dispatch.payload.size()}});
}

void Server::handle_intent(std::size_t link, const Dispatch& dispatch) {
  const Membership* membership = links_[link]->find_member(dispatch.member);
  // For a membership that has ended: the proxy gives it to somebody else.
  if (membership == nullptr) return links_[link]->send_upstream(encode_give_back({.token = dispatch.token}));
  metrics_.received(membership->topic);
  auto intent = decode_intent(dispatch.payload);
  if (!intent) {
    metrics_.malformed();
    return refuse(link, dispatch, intent.error());
  }
  const std::string request_id = intent->address.request_id;
  log::debug("intent received", {{"request_id", request_id},
                                 {"topic", membership->topic},
                                 {"bytes", dispatch.payload.size()},
                                 {"begins", utf8_prefix(intent->body, limits::kLogPrefixBytes)}});
  auto skill = select_skill(catalogue_.now().catalogue, catalogue_.now().matcher, *intent);
  Lease lease{.link = link, .token = dispatch.token, .facts = dispatch.facts};
  if (!skill) {
    log::info("intent refused",
              {{"request_id", request_id}, {"code", name_of(skill.error().code)}, {"skill", intent->skill}});
    return reply(lease, intent->address, Reply::failure(request_id, skill.error().code, skill.error().detail));
  }
  runs_.accept(make_request(*membership, std::move(*intent), std::move(*skill)), std::move(lease), now());
}

RunRequest Server::make_request(const Membership& membership, Intent intent, SkillPtr skill) const {
  RunRequest request;
  request.name = {.topic = membership.topic, .group = membership.group, .address = intent.address};
  request.idempotency_key = intent.idempotency_key;
  request.digest = digest_of(intent);
  request.stream = intent.stream;
  request.idempotent = intent.idempotent || skill->idempotent;
  const auto asked = intent.timeout ? *intent.timeout : skill->timeout.value_or(settings_.timeout);
  request.timeout = std::min(asked, settings_.timeout_max);
  request.full_time = request.timeout >= std::min(skill->timeout.value_or(settings_.timeout), settings_.timeout_max);
  if (intent.deadline) {
    const double left = *intent.deadline - to_epoch_seconds(parts_.clock.wall_now());
    const double bound = std::chrono::duration<double>(limits::kTimeoutMax).count();
    request.deadline = now() + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::duration<double>(std::clamp(left, -bound, bound)));
  }
  request.work = {.intent = std::move(intent), .topic = membership.topic, .skill = std::move(skill)};
  return request;
}

// Answered on the spot: nothing is run, and at most one small file is read.
void Server::handle_question(std::size_t link, const Dispatch& dispatch) {
  if (links_[link]->find_member(dispatch.member) == nullptr) {
    return links_[link]->send_upstream(encode_give_back({.token = dispatch.token}));
  }
  const auto request = decode_catalog_request(dispatch.payload);
  if (!request) {
    metrics_.malformed();
    return refuse(link, dispatch, request.error());
  }
  metrics_.catalog_answered();
  auto answer = answer_question(*request, catalogue_.now(), catalogue_.breakers());
  Reply made =
      answer ? Reply{} : Reply::failure(request->address.request_id, answer.error().code, answer.error().detail);
  made.success = bool(answer);
  if (answer) made.outputs_json = std::move(*answer);
  reply({.link = link, .token = dispatch.token, .facts = dispatch.facts}, request->address, std::move(made));
}

// Answers a message that is no intent, if anything in it says whom to answer.
void Server::refuse(std::size_t link, const Dispatch& dispatch, const Error& error) {
  const Lease lease{.link = link, .token = dispatch.token, .facts = dispatch.facts};
  if (const auto address = find_return_address(dispatch.payload)) {
    log::warn("invalid intent", {{"request_id", address->request_id}, {"error", error.detail}});
    return reply(lease, *address, Reply::failure(address->request_id, error.code, error.detail));
  }
  log::warn("invalid intent, and nobody to answer", {{"error", error.detail}, {"bytes", dispatch.payload.size()}});
  // The reply without a reader ends the lease, else its credit would stay taken.
  if (!lease.token.empty())
    reply(lease, {.request_id = "", .reply_to = kNobodyTopic}, Reply::failure("", error.code, error.detail));
}

void Server::reply(const Lease& lease, const ReturnAddress& to, Reply reply) {
  reply.request_id = to.request_id;
  if (reply.server.empty()) reply.server = server_id_;
  if (reply.timestamp == 0) reply.timestamp = to_epoch_seconds(parts_.clock.wall_now());
  reply.attempt = lease.facts.attempt;
  if (lease.facts.held_ms > 0) reply.timing_ms.held = lease.facts.held_ms;
  std::string payload = encode_reply(reply);
  if (payload.size() > limits::kMessageBytesMax) {
    reply.content.clear();
    reply.stderr_tail.clear();
    reply.outputs_json.clear();
    reply.artifacts.clear();
    reply.success = false;
    reply.code = name_of(ErrorCode::output_too_large);
    reply.error = "the reply would have " + std::to_string(payload.size()) + " bytes; at most " +
                  std::to_string(limits::kMessageBytesMax) + " are allowed";
    payload = encode_reply(reply);
  }
  metrics_.replied(reply);
  if (links_[lease.link]->publish(to.reply_to, std::move(payload), lease.token)) return;
  metrics_.reply_lost();
  log::error("reply lost: the proxy takes none",
             {{"request_id", to.request_id}, {"proxy", links_[lease.link]->address()}});
}

// --- What Runs asks for ------------------------------------------------------------------------

void Server::perform(AskStart&& action) {
  // Proxies wait for the usual grace themselves; only what this server adds to it must be said.
  action.frame.timeout += std::max(0ms, settings_.kill_grace - limits::kKillGrace);
  links_[action.link]->send_upstream(encode_start(action.frame));
}

void Server::perform(Execute&& action) {
  std::shared_ptr<RunObserver> observer;
  if (action.stream) observer = events_.start(action.run, action.work.intent);
  pool_->start(std::move(action), std::move(observer));
}

void Server::perform(SendAccepted&& action) { events_.accepted(action.to); }

void Server::perform(SendReply&& action) { reply(action.lease, action.to.address, *action.reply); }

void Server::perform(GiveBack&& action) {
  links_[action.link]->send_upstream(encode_give_back({.token = action.token}));
}

void Server::perform(Kill&& action) { pool_->cancel(action.run); }

// --- What the events of runs need ----------------------------------------------------------------

bool Server::try_send_event(std::size_t link, std::string_view topic, zmq::message_t& event) {
  return links_[link]->try_publish_event(topic, event);
}

bool Server::queue_event(std::size_t link, std::string_view topic, const zmq::message_t& event) {
  return links_[link]->queue_event(topic, event.to_string_view());
}

// --- The end --------------------------------------------------------------------------------------

void Server::enter(Phase phase, std::chrono::milliseconds time_max) {
  phase_ = phase;
  phase_end_ = now() + time_max;
}

void Server::begin_drain() {
  log::info("stopping: no new intents", {{"running", runs_.running()}, {"given_back", runs_.waiting()}});
  ready_ = false;
  for (const auto& link : links_) link->leave();
  runs_.drain(now());
  act();
  enter(Phase::draining, settings_.drain_timeout);
}

void Server::advance_drain() {
  const bool late = now() >= phase_end_;
  if (phase_ == Phase::draining) {
    const bool quiet = runs_.running() == 0 && reply_backlog() == 0 &&
                       std::ranges::all_of(links_, [](const auto& link) { return link->left(); });
    if (!quiet && late && !std::exchange(killed_, true)) {
      log::warn("stopping the runs that have not ended", {{"running", runs_.running()}});
      runs_.kill_all();
      act();
      return enter(Phase::draining, settings_.kill_grace + limits::kPipeDrainGrace + limits::kLeaveTimeMax);
    }
    if (!quiet && !late) return;
    for (const auto& link : links_) link->flush();
    enter(Phase::flushing, limits::kLeaveTimeMax);
  }
  if (phase_ == Phase::flushing) {
    if (late || std::ranges::all_of(links_, [](const auto& link) { return link->flushed(); })) phase_ = Phase::ended;
  }
}

}  // namespace skillscale
