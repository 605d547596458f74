// One file for a skill: `skillscale skills pack` and `unpack` (docs/writing-skills.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "skills/interpreter.h"
#include "skills/problem.h"

namespace skillscale {

struct Bundle {
  std::filesystem::path place;  // The file that was written, or the folder that was unpacked.
  std::string name;
  std::string version;  // Empty: the skill has none.
  std::string digest;
  std::size_t files = 0;
  std::uint64_t bytes = 0;  // Of the files.
  Problems problems;        // Warnings.
};

// Writes the skill in `folder` as a zip archive. Equal files give equal bytes: entries are sorted, times
// and owners are fixed, of modes only the owner's execute permission is kept. The first entry,
// skillscale-bundle.json, names every file with its SHA-256. `output` empty: NAME-VERSION.skill in the
// working folder; an existing file is replaced. Error invalid_config when the folder is no
// skill that could be loaded, too_large past the bounds, not_allowed for links out of it.
Result<Bundle> pack_skill(const std::filesystem::path& folder, const std::filesystem::path& output,
                          const Interpreters& interpreters);

// Unpacks the bundle into a new folder below `parent`, named after the skill, which appears whole or
// not at all. Takes archives of others (zip, tar, tar.gz) as well, with a warning: without our
// manifest there is nothing to compare with. Error not_allowed for what no honest bundle holds
// (names that lead out, links, devices, two names that differ in case only, files that the
// manifest does not have, wrong sums), too_large past the bounds, invalid_config when it is
// not a skill, io_error when the target exists or the archive is damaged.
Result<Bundle> unpack_skill(const std::filesystem::path& archive, const std::filesystem::path& parent,
                            const Interpreters& interpreters);

// What speaks against `path` as the name of an entry; empty: nothing.
std::string fault_in_entry_path(std::string_view path);

inline constexpr char kBundleManifestName[] = "skillscale-bundle.json";

}  // namespace skillscale
