// Where the skills are: the walk over the skills directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "skills/problem.h"

namespace skillscale {

struct SkillFolder {
  std::filesystem::path real;   // Absolute, without symbolic links.
  std::filesystem::path shown;  // As reached from the path that the operator gave.
  std::string description;      // Name of the file that makes it a skill: SKILL.md, or one of the others.
};

struct SkillFolders {
  std::filesystem::path root;  // Absolute, without symbolic links.
  std::vector<SkillFolder> folders;
  Problems problems;
};

// Every folder at or below `root` that holds a SKILL.md (else skill.md, Skilletfile.yaml,
// skill.yaml or skill.yml), in the order that
// Catalogue::scan promises. Bounded by kSkillDepthMax, kSkillsMax and
// kSkillScanEntriesMax; what is cut off is a problem.
Result<SkillFolders> find_skill_folders(const std::filesystem::path& root);

// True when there is one of these files in `folder`, whatever is in it.
bool holds_skill(const std::filesystem::path& folder);

// True when `path` is `folder` or below it. Both without symbolic links.
bool is_inside(const std::filesystem::path& path, const std::filesystem::path& folder);

inline constexpr char kSkillFileName[] = "SKILL.md";
inline constexpr char kSmallSkillFileName[] = "skill.md";  // Taken as well, as the reference validator does.

}  // namespace skillscale
