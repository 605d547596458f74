// The files of a skill: what counts for its digest, what is packed, where scripts are looked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace skillscale {

struct SkillFile {
  std::string path;  // Relative to the skill's folder, with slashes.
  std::uint64_t bytes = 0;
  bool executable = false;   // By its owner.
  std::string link_outside;  // Where a link leads that is not followed; otherwise empty.
};

// The files below `folder`/`below` (empty: all), sorted by path. Hidden files and folders,
// __pycache__ and what is neither file, folder nor link are left out. A link is
// followed when its target is inside `boundary` and not a folder that holds the link.
// `folder` and `boundary` are absolute, without links. Error too_large past kSkillFilesMax or
// kSkillFileDepthMax, io_error when a folder cannot be read. A missing `below` has no files.
Result<std::vector<SkillFile>> list_skill_files(const std::filesystem::path& folder,
                                                const std::filesystem::path& boundary, const std::string& below = {});

struct HashedFile {
  SkillFile file;  // `bytes` as they were read.
  std::string sha256;
};

// Reads the files of a skill. Links out of the folder are not followed; the sum is that of
// where they lead. Error too_large past kSkillFilesMax or kSkillFilesBytesMax.
Result<std::vector<HashedFile>> hash_skill_files(const std::filesystem::path& folder);

// "sha256:<hex>" over the paths, execute permissions, sizes and contents of the skill's
// files (docs/writing-skills.md has the exact rule). `files` are sorted by path.
std::string digest_of(const std::vector<HashedFile>& files);
Result<std::string> digest_of_skill(const std::filesystem::path& folder);

}  // namespace skillscale
