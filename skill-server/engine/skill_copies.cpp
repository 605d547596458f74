#include "engine/skill_copies.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "os/fd.h"
#include "skills/fingerprint.h"
#include "skills/problem.h"
#include "skills/skill_files.h"
#include "skills/skill_folders.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string path;  // Relative to the skill's folder.
  struct stat status {};
};

Error changed() { return {ErrorCode::io_error, "it was changed while it was read"}; }

bool is_left_out(const std::string& name) { return name == ".git" || name == "__pycache__"; }

// Everything in the folder, parents first. Of an entry that goes meanwhile nothing is said: the fingerprint will.
Result<std::vector<Entry>> list_entries(const fs::path& folder, std::uint64_t bytes_max) {
  std::vector<Entry> entries;
  std::uint64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    Entry entry{at->path().lexically_relative(folder).native()};
    if (::lstat(at->path().c_str(), &entry.status) != 0) continue;
    if (S_ISDIR(entry.status.st_mode) && is_left_out(at->path().filename().native())) {
      at.disable_recursion_pending();
      continue;
    }
    if (S_ISREG(entry.status.st_mode)) bytes += static_cast<std::uint64_t>(entry.status.st_size);
    entries.push_back(std::move(entry));
    if (entries.size() > limits::kSkillFilesMax || bytes > bytes_max ||
        at.depth() > static_cast<int>(limits::kSkillFileDepthMax)) {
      return Error{ErrorCode::too_large, "it has more than " + std::to_string(bytes_max / limits::kMiB) + " MiB, " +
                                             std::to_string(limits::kSkillFilesMax) + " files or " +
                                             std::to_string(limits::kSkillFileDepthMax) + " folders in each other"};
    }
  }
  if (error) return Error{ErrorCode::io_error, "cannot be read: " + error.message()};
  std::ranges::sort(entries, {}, &Entry::path);
  return entries;
}

std::uint64_t fingerprint_of(const std::vector<Entry>& entries) {
  Fingerprint print;
  for (const Entry& entry : entries) {
    print.add(entry.path).add_entry(entry.status);
  }
  return print.value();
}

std::uint64_t bytes_of(const std::vector<Entry>& entries) {
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries) {
    if (S_ISREG(entry.status.st_mode)) bytes += static_cast<std::uint64_t>(entry.status.st_size);
  }
  return bytes;
}

// Never more than was listed: the file may be growing.
Result<void> copy_file(const fs::path& from, const fs::path& to, const struct stat& listed) {
  const Fd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!source) return Error::from_errno(ErrorCode::io_error, "open " + in_quotes(from.native()));
  if (::fstat(source.get(), &status) != 0 || !S_ISREG(status.st_mode)) return changed();
  const mode_t mode = S_IRUSR | S_IWUSR | (listed.st_mode & (S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH));
  const Fd target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!target) return Error::from_errno(ErrorCode::io_error, "create " + in_quotes(to.native()));
  std::string block(limits::kPipeReadBytes, '\0');
  for (off_t left = listed.st_size; left > 0;) {
    const ssize_t got = ::read(source.get(), block.data(), std::min<std::size_t>(block.size(), left));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(ErrorCode::io_error, "read " + in_quotes(from.native()));
    if (got == 0) return changed();
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(target.get(), block.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return Error::from_errno(ErrorCode::io_error, "write " + in_quotes(to.native()));
      done += put;
    }
    left -= got;
  }
  if (::fchmod(target.get(), mode) != 0)
    return Error::from_errno(ErrorCode::io_error, "copy " + in_quotes(to.native()));
  return {};
}

// Where a link of the copy leads.
Result<fs::path> link_target(const fs::path& source, const fs::path& copy, const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(source / link, error);
  if (error) return changed();
  const fs::path place = (target.is_absolute() ? target : source / link.parent_path() / target).lexically_normal();
  if (!is_inside(place, source)) return place;
  return target.is_absolute() ? copy / place.lexically_relative(source) : target;
}

Result<void> copy_entry(const fs::path& source, const fs::path& copy, const Entry& entry) {
  const fs::path to = copy / entry.path;
  if (S_ISREG(entry.status.st_mode)) return copy_file(source / entry.path, to, entry.status);
  if (S_ISDIR(entry.status.st_mode)) {
    if (::mkdir(to.c_str(), 0755) == 0) return {};
    return Error::from_errno(ErrorCode::io_error, "create " + in_quotes(to.native()));
  }
  if (!S_ISLNK(entry.status.st_mode)) return {};  // A device, a socket or a FIFO is no part of a skill.
  const auto target = link_target(source, copy, entry.path);
  if (!target) return target.error();
  if (::symlink(target->c_str(), to.c_str()) == 0) return {};
  return Error::from_errno(ErrorCode::io_error, "create " + in_quotes(to.native()));
}

void move_path(std::string& path, const std::string& from, const std::string& to) {
  if (path == from || path.starts_with(from + '/')) path = to + path.substr(from.size());
}

void move_run(std::optional<Runnable>& run, const std::string& from, const std::string& to) {
  if (!run) return;
  move_path(run->program, from, to);
  for (std::string& argument : run->argv) move_path(argument, from, to);
}

SkillPtr moved(const Skill& skill, const fs::path& place, std::shared_ptr<const int> user) {
  Skill copy = skill;
  const std::string& from = skill.folder.native();
  const std::string& to = place.native();
  copy.folder = place;
  copy.copy = std::move(user);
  move_run(copy.run, from, to);
  for (Script& script : copy.scripts) move_run(script.run, from, to);
  if (copy.function) {
    move_path(copy.function->file, from, to);
    move_path(copy.function->python, from, to);
  }
  return std::make_shared<const Skill>(std::move(copy));
}

bool is_mounted_noexec(const fs::path& path) {
  struct statvfs status {};
  return ::statvfs(path.c_str(), &status) == 0 && (status.f_flag & ST_NOEXEC) != 0;
}

}  // namespace

SkillCopies::SkillCopies(std::string parent) : SkillCopies(std::move(parent), Bounds()) {}

Result<fs::path> SkillCopies::new_place() {
  if (!folder_) {
    if (is_mounted_noexec(parent_)) {
      return Error{ErrorCode::not_allowed, "programs cannot be run from " + in_quotes(parent_) + " (mounted noexec)"};
    }
    auto made = RunFolder::create_bare(parent_, "skillscale-skills-XXXXXX");
    if (!made) return std::move(made).error();
    folder_.emplace(std::move(*made));
  }
  fs::path place = fs::path(folder_->path()) / std::to_string(next_++);
  if (::mkdir(place.c_str(), 0700) == 0) return place;
  return Error::from_errno(ErrorCode::io_error, "create " + in_quotes(place.native()));
}

Result<SkillPtr> SkillCopies::pin(const SkillPtr& skill) {
  const fs::path& source = skill->source;
  if (skill->digest.empty()) return Error{ErrorCode::too_large, "it has no digest"};
  const auto entries = list_entries(source, bounds_.skill_bytes);
  if (!entries) return entries.error();
  const std::uint64_t fingerprint = fingerprint_of(*entries);
  for (const Copy& copy : copies_) {
    if (copy.source != source || copy.digest != skill->digest || copy.fingerprint != fingerprint) continue;
    return moved(*skill, copy.place / source.filename(), copy.users);
  }
  const std::uint64_t bytes = bytes_of(*entries);
  if (bytes > bounds_.all_bytes - std::min(bytes_, bounds_.all_bytes)) {
    return Error{ErrorCode::too_large,
                 "the copies of all skills may have " + std::to_string(bounds_.all_bytes / limits::kMiB) + " MiB"};
  }
  auto place = new_place();
  if (!place) return std::move(place).error();
  bytes_ += bytes;
  copies_.push_back({source, *place, skill->digest, fingerprint, bytes, std::make_shared<const int>(0)});
  const auto give_up = [this](Error error) {
    remove(copies_.back());
    copies_.pop_back();
    return error;
  };
  const fs::path folder = *place / source.filename();
  if (::mkdir(folder.c_str(), 0755) != 0) return give_up(Error::from_errno(ErrorCode::io_error, "create a folder"));
  for (const Entry& entry : *entries) {
    if (auto copied = copy_entry(source, folder, entry); !copied) return give_up(std::move(copied).error());
  }
  // What was loaded, what was listed and what was copied are the same only if nothing has changed since.
  const auto digest = digest_of_skill(source);
  const auto after = list_entries(source, bounds_.skill_bytes);
  if (!digest || !after || *digest != skill->digest || fingerprint_of(*after) != fingerprint) {
    return give_up(changed());
  }
  return moved(*skill, folder, copies_.back().users);
}

void SkillCopies::remove(const Copy& copy) {
  std::error_code ignored;
  fs::remove_all(copy.place, ignored);
  bytes_ -= copy.bytes;
}

void SkillCopies::sweep() {
  std::erase_if(copies_, [this](const Copy& copy) {
    // New users come from this thread alone, so that nobody can take what nobody has.
    if (copy.users.use_count() > 1) return false;
    remove(copy);
    return true;
  });
}

}  // namespace skillscale
