// skillscale-bundle.json: what a bundle holds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "skills/skill_files.h"

namespace skillscale {

struct BundleManifest {
  std::string name;
  std::string version;
  std::string digest;             // Of the skill, as digest_of() makes it.
  std::vector<HashedFile> files;  // Sorted by path.
};

std::string encode_bundle_manifest(const BundleManifest& manifest);

// Error invalid_config when it is not one of a version that is known.
Result<BundleManifest> parse_bundle_manifest(std::string_view text);

}  // namespace skillscale
