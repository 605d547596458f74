// Copies of skills that nobody edits.
//
// A run, and what waits for a worker, keeps the version of the skill that it began with, also while people
// write into the skill's folder or remove it; and of a skill that is broken the version before is still
// there as a whole. So what is served lies in copies of the server's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "engine/run_folder.h"
#include "skills/skill.h"

namespace skillscale {

// Belongs to one thread at a time; the skills that it gives may be used and dropped by any.
class SkillCopies {
 public:
  struct Bounds {
    std::uint64_t skill_bytes = limits::kSkillCopyBytesMax;
    std::uint64_t all_bytes = limits::kSkillCopiesBytesMax;
  };
  // All copies lie in one folder below `parent`, which is made with the first of them and
  // removed by the destructor: nothing of them may run any more then.
  explicit SkillCopies(std::string parent);
  SkillCopies(std::string parent, Bounds bounds) : parent_(std::move(parent)), bounds_(bounds) {}

  // The skill with all its paths inside a copy of its folder, with hidden files, without .git and __pycache__.
  // Links inside the folder lead inside the copy; those out of it where they led before. A copy of
  // the same files is used again. Errors: too_large; not_allowed (programs cannot be run from
  // `parent`); io_error, also when the folder is not what was loaded any more.
  Result<SkillPtr> pin(const SkillPtr& skill);

  // Removes the copies of skills that nobody holds any more.
  void sweep();

  std::size_t count() const noexcept { return copies_.size(); }

 private:
  struct Copy {
    std::filesystem::path source;
    std::filesystem::path place;    // A folder of its own; in it the copy, with the source's name.
    std::string digest;             // Of the skill.
    std::uint64_t fingerprint = 0;  // Of the source, with what does not count for the digest.
    std::uint64_t bytes = 0;
    std::shared_ptr<const int> users;  // One more than there are skills with this copy.
  };

  Result<std::filesystem::path> new_place();
  void remove(const Copy& copy);

  const std::string parent_;
  const Bounds bounds_;
  std::optional<RunFolder> folder_;
  std::uint64_t next_ = 1;
  std::uint64_t bytes_ = 0;
  std::list<Copy> copies_;
};

}  // namespace skillscale
