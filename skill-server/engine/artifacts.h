// The files of a run's folder that go back with the reply.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "os/fd.h"
#include "protocol/reply.h"
#include "skills/glob.h"

namespace skillscale {

struct ArtifactBounds {
  std::size_t count_max = limits::kArtifactsMax;
  std::size_t bytes_max = limits::kArtifactBytesMax;  // All of them together.
};

struct Collected {
  std::vector<Artifact> artifacts;    // Sorted by path.
  std::vector<std::string> warnings;  // What matched and was left out, and patterns that nothing matches.
  std::uint64_t bytes = 0;
};

// Reads the regular files below `folder` that a pattern matches. Every name is
// opened from its own parent, and no link is followed, so nothing outside can be
// reached, whatever a run has prepared or still does. Links, devices and files with
// a second name are left out. Error output_too_large says which bound was passed.
Result<Collected> collect_artifacts(const Fd& folder, const std::vector<Glob>& globs, const ArtifactBounds& bounds);

// By extension; application/octet-stream when unknown.
std::string mime_type(std::string_view path);

}  // namespace skillscale
