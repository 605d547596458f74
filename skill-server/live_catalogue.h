// The catalogue as the I/O thread has it: which one is served now, and who is told when it changes.
#pragma once

#include <memory>
#include <string>

#include "base/guarded.h"
#include "skill-server/catalogue_snapshot.h"
#include "skill-server/catalogue_watch.h"
#include "skill-server/runs.h"
#include "skill-server/skill_metrics.h"
#include "skill-server/skill_page.h"

namespace skillscale {

// Owned by one thread, but for page(). Borrows both arguments by reference.
class LiveCatalogue {
 public:
  // `watch` may be null: then the catalogue stays as it is.
  LiveCatalogue(SnapshotPtr first, CatalogueWatch* watch, SkillMetrics& metrics, std::string folder);

  const CatalogueSnapshot& now() const noexcept { return *snapshot_; }
  const BreakerStates& breakers() const noexcept { return breakers_; }
  bool has_limits_below(std::size_t workers) const;

  int fd() const noexcept { return watch_ == nullptr ? -1 : watch_->fd(); }  // Readable when take() is due.
  // Takes over the result of a scan. True when agents would see another catalogue. Runs that have
  // begun, and those that wait, keep their skill as it was when they came.
  bool take(Runs& runs);
  void reload();  // Scans soon, as SIGHUP asks.
  void observe(const CircuitBreakers& breakers, SteadyTime now);

  // A stale skill says so in each reply.
  void add_warnings(Reply& reply) const;

  // What /v1/skills shows. Any thread.
  std::string page();

 private:
  struct Shown {
    SnapshotPtr snapshot;
    BreakerStates breakers;
  };

  const std::string folder_;
  CatalogueWatch* const watch_;
  SkillMetrics& metrics_;
  SnapshotPtr snapshot_;
  BreakerStates breakers_;
  Guarded<Shown> shown_;
};

}  // namespace skillscale
