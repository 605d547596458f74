#include "skill-server/live_catalogue.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/logging.h"

namespace skillscale {

LiveCatalogue::LiveCatalogue(SnapshotPtr first, CatalogueWatch* watch, SkillMetrics& metrics, std::string folder)
    : folder_(std::move(folder)), watch_(watch), metrics_(metrics), snapshot_(std::move(first)) {
  metrics_.follow(*snapshot_);
  shown_.lock()->snapshot = snapshot_;
}

bool LiveCatalogue::has_limits_below(std::size_t workers) const {
  return std::ranges::any_of(snapshot_->catalogue.all(), [workers](const SkillPtr& skill) {
    return skill->limits.concurrency.value_or(workers) < workers;
  });
}

bool LiveCatalogue::take(Runs& runs) {
  if (watch_ == nullptr) return false;
  const auto news = watch_->take();
  if (!news) return false;
  metrics_.scanned(news->scans, news->failures);
  if (!news->error.empty()) {
    log::error("the skills cannot be read: those that are loaded are served on", {{"error", news->error}});
  }
  if (!news->snapshot) return false;
  const SnapshotPtr before = std::exchange(snapshot_, news->snapshot);
  log_catalogue(before.get(), *snapshot_, folder_);
  metrics_.follow(*snapshot_);
  shown_.lock()->snapshot = snapshot_;
  runs.keep_breakers([this](std::string_view name, std::string_view digest) {
    const SkillPtr skill = snapshot_->catalogue.find(name);
    return skill && skill->digest == digest;
  });
  return before->digest != snapshot_->digest;
}

void LiveCatalogue::reload() {
  log::info("looking at the skills again", {{"folder", folder_}});
  if (watch_ != nullptr) watch_->request();
}

void LiveCatalogue::observe(const CircuitBreakers& breakers, SteadyTime now) {
  BreakerStates states = breakers.not_closed(now);
  metrics_.observe_breakers(states, breakers.opened());
  if (states == breakers_) return;
  for (const auto& [name, state] : states) {
    const auto old = breakers_.find(name);
    if (old != breakers_.end() && old->second == state) continue;
    log::warn("circuit breaker of a skill", {{"skill", name}, {"state", name_of(state)}});
  }
  for (const auto& [name, state] : breakers_) {
    if (!states.contains(name)) log::info("circuit breaker of a skill", {{"skill", name}, {"state", "closed"}});
  }
  breakers_ = std::move(states);
  shown_.lock()->breakers = breakers_;
}

void LiveCatalogue::add_warnings(Reply& reply) const {
  const SkillPtr skill = snapshot_->catalogue.find(reply.skill);
  if (skill && snapshot_->stale.contains(skill->name)) {
    reply.warnings.push_back("skill \"" + skill->name + "\" is broken on the server; the version before was run");
  }
}

std::string LiveCatalogue::page() {
  const Shown shown = *shown_.lock();
  return text_of(operators_list_of(*shown.snapshot, shown.breakers));
}

}  // namespace skillscale
