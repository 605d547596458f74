#include "skill-server/catalogue_watch.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "daemon/logging.h"

namespace skillscale {

CatalogueWatch::CatalogueWatch(WatchSettings settings, Interpreters interpreters)
    : settings_(std::move(settings)),
      interpreters_(std::move(interpreters)),
      debounce_(settings_.quiet, settings_.settle_max) {
  if (!settings_.copies_folder.empty()) copies_.emplace(settings_.copies_folder);
}

Result<SnapshotPtr> CatalogueWatch::start() {
  if (settings_.mode == WatchSettings::Mode::automatic) {
    auto watch = TreeWatch::create(settings_.watches_max);
    if (watch) {
      watch_.emplace(std::move(*watch));
    } else {
      log::warn("skills are looked at again and again: they cannot be watched", {{"error", watch.error().detail}});
    }
  }
  arm();
  auto scanned = load();
  if (!scanned) return std::move(scanned).error();
  SnapshotPtr first = first_snapshot(std::move(*scanned));
  current_ = first;
  next_look_ = clock_.steady_now() + settings_.poll_interval;
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  pthread_setname_np(thread_.native_handle(), "catalogue");
  return first;
}

CatalogueWatch::~CatalogueWatch() {
  thread_.request_stop();
  requested_.notify();
}

std::optional<ScanNews> CatalogueWatch::take() {
  news_ready_.clear();
  return std::exchange(*news_.lock(), std::nullopt);
}

void CatalogueWatch::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    wait();
    if (stop.stop_requested()) return;
    notice();
    if (debounce_.take(clock_.steady_now())) scan();
  }
}

// Before each scan, so that what changes during it is seen after it.
void CatalogueWatch::arm() {
  if (watch_) {
    watch_->take_changes();
    watch_complete_ = watch_->arm(settings_.folder);
    if (!watch_complete_ && !std::exchange(incomplete_was_logged_, true)) {
      log::warn("skills are looked at again and again: not all of their folders can be watched",
                {{"folder", settings_.folder}, {"watched", watch_->watches()}});
    }
  }
  identity_ = folder_identity(settings_.folder);
  if (is_polling()) fingerprint_ = tree_fingerprint(settings_.folder);
}

void CatalogueWatch::wait() {
  SteadyTime until = settings_.mode == WatchSettings::Mode::off ? SteadyTime::max() : next_look_;
  if (const auto due = debounce_.due()) until = std::min(until, *due);
  int timeout = -1;
  if (until != SteadyTime::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_.steady_now());
    timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }
  std::array<pollfd, 2> waits{pollfd{requested_.fd(), POLLIN, 0}, pollfd{watch_ ? watch_->fd() : -1, POLLIN, 0}};
  ::poll(waits.data(), waits.size(), timeout);
  if (waits[0].revents != 0) {
    requested_.clear();
    debounce_.note_at_once(clock_.steady_now());
  }
}

void CatalogueWatch::notice() {
  const SteadyTime now = clock_.steady_now();
  if (watch_ && watch_->take_changes()) debounce_.note(now);
  if (settings_.mode == WatchSettings::Mode::off || now < next_look_) return;
  next_look_ = now + settings_.poll_interval;
  look();
  if (copies_) copies_->sweep();
}

// The path may lead to another folder now (a link that was set anew): no watch says that.
void CatalogueWatch::look() {
  const std::uint64_t old_identity = std::exchange(identity_, folder_identity(settings_.folder));
  const std::uint64_t old_fingerprint = fingerprint_;
  if (is_polling()) fingerprint_ = tree_fingerprint(settings_.folder);
  if (old_identity != identity_ || old_fingerprint != fingerprint_) debounce_.note(clock_.steady_now());
}

// What cannot be copied is served all the same.
Result<ScanResult> CatalogueWatch::load() {
  auto scanned = Catalogue::scan(settings_.folder, interpreters_);
  if (!scanned || !copies_) return scanned;
  std::vector<SkillPtr> skills;
  for (const SkillPtr& skill : scanned->catalogue.all()) {
    auto pinned = copies_->pin(skill);
    if (pinned) {
      skills.push_back(std::move(*pinned));
      continue;
    }
    skills.push_back(skill);
    report(scanned->problems, {skill->source, 0, Severity::warning,
                               "is run where it is, so that runs see changes: " + pinned.error().detail});
  }
  scanned->catalogue = Catalogue::of(skills);
  return scanned;
}

void CatalogueWatch::scan() try {
  arm();
  auto scanned = load();
  const bool failed = !scanned;
  if (!failed) current_ = next_snapshot(*current_, std::move(*scanned), settings_.folder);
  {
    auto news = news_.lock();
    if (!*news) news->emplace();
    (*news)->error = failed ? scanned.error().detail : std::string();
    if (!failed) (*news)->snapshot = current_;
    ++(*news)->scans;
    (*news)->failures += failed ? 1 : 0;
  }
  news_ready_.notify();
} catch (const std::exception& error) {
  // Memory is short: what is served stays as it is.
  log::error("the skills could not be looked at", {{"error", error.what()}});
}

}  // namespace skillscale
