// Scans the skills again when their files change, or when it is asked to.
//
// A thread of its own ("catalogue") watches the folder with inotify, waits until a series
// of changes has settled, and scans; so a slow disk or a large tree never delays a message.
// Where the kernel cannot watch the whole tree (no instance, too few watches, too many folders, lost events),
// it looks at names, sizes and times every few seconds instead, and scans everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/limits.h"
#include "engine/skill_copies.h"
#include "os/wakeup.h"
#include "skill-server/catalogue_snapshot.h"
#include "skills/debounce.h"
#include "skills/tree_watch.h"

namespace skillscale {

struct WatchSettings {
  // off: only when it is asked to.
  enum class Mode : std::uint8_t { automatic, poll, off };
  std::string folder;
  Mode mode = Mode::automatic;
  std::chrono::milliseconds quiet = limits::kCatalogueQuiet;
  std::chrono::milliseconds settle_max = limits::kCatalogueSettleMax;
  std::chrono::milliseconds poll_interval = limits::kCataloguePollInterval;
  std::size_t watches_max = limits::kCatalogueWatchesMax;
  std::string copies_folder{};  // Below it are the copies of what is served (skill_copies.h); empty: none are made.
};

// What has come of the scans since the last look.
struct ScanNews {
  SnapshotPtr snapshot;  // Of the last scan that worked; null when none has.
  std::string error;     // Of the last scan, when it did not.
  std::uint64_t scans = 0;
  std::uint64_t failures = 0;  // Of these.
};

class CatalogueWatch {
 public:
  // Throws std::system_error when there is no descriptor left.
  CatalogueWatch(WatchSettings settings, Interpreters interpreters);
  ~CatalogueWatch();  // Waits for a scan that is going on.
  CatalogueWatch(const CatalogueWatch&) = delete;
  CatalogueWatch& operator=(const CatalogueWatch&) = delete;

  // Scans for the first time, on the calling thread, and begins to watch. Once.
  // Error invalid_config when the folder cannot be read at all.
  Result<SnapshotPtr> start();

  // Scans soon, whatever has changed. Any thread.
  void request() noexcept { requested_.notify(); }
  int fd() const noexcept { return news_ready_.fd(); }  // Readable when there is news.
  std::optional<ScanNews> take();                       // For one thread, that of the loop.

 private:
  void work(const std::stop_token& stop);
  void arm();
  void wait();
  void notice();
  void look();
  void scan();
  Result<ScanResult> load();
  bool is_polling() const noexcept { return settings_.mode != WatchSettings::Mode::off && !watch_complete_; }

  const WatchSettings settings_;
  const Interpreters interpreters_;
  const SystemClock clock_;
  Wakeup requested_;
  Wakeup news_ready_;
  Guarded<std::optional<ScanNews>> news_;

  // The thread's own.
  std::optional<SkillCopies> copies_;
  SnapshotPtr current_;
  std::optional<TreeWatch> watch_;
  bool watch_complete_ = false;
  bool incomplete_was_logged_ = false;
  Debounce debounce_;
  SteadyTime next_look_;
  std::uint64_t fingerprint_ = 0;  // While it polls.
  std::uint64_t identity_ = 0;
  std::jthread thread_;  // Started last, ends first.
};

}  // namespace skillscale
