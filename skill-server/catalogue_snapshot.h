// What a server serves at one moment: the skills of one scan, and of those that are
// broken the version before.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "skills/catalogue.h"
#include "skills/matcher.h"

namespace skillscale {

// Immutable once made; thread-safe.
struct CatalogueSnapshot {
  Catalogue catalogue;
  Matcher matcher;
  Problems problems;
  std::set<std::string, std::less<>> stale;  // Skills whose file cannot be loaded: the version before is served.
  std::string digest;                        // Another one when any skill is another one. The same on every server.
};

// Shared: the I/O thread swaps it while the HTTP threads may still read the old one.
using SnapshotPtr = std::shared_ptr<const CatalogueSnapshot>;

SnapshotPtr first_snapshot(ScanResult scanned);

// A skill that `scanned` has not, but whose SKILL.md is still where it was, stays as it was in
// `previous` and is marked stale; unless that place holds another skill now, or is not below `folder` any more.
// So does one that cannot be run any more, when the version before lies in a copy. One whose file has gone is gone.
// Looks at the file system.
SnapshotPtr next_snapshot(const CatalogueSnapshot& previous, ScanResult scanned, const std::string& folder);

// The names of the skills that differ.
struct CatalogueChanges {
  std::vector<std::string> added;
  std::vector<std::string> changed;
  std::vector<std::string> removed;

  bool any() const noexcept { return !added.empty() || !changed.empty() || !removed.empty(); }
};
CatalogueChanges compare(const CatalogueSnapshot& before, const CatalogueSnapshot& after);

// To the log: what differs, problems that were not there before, and skills that are new there and deprecated.
// Without `before` all problems are.
void log_catalogue(const CatalogueSnapshot* before, const CatalogueSnapshot& after, const std::string& folder);

}  // namespace skillscale
