#include "skills/skill_folders.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/limits.h"

namespace skillscale {
namespace {

namespace fs = std::filesystem;

// What makes a folder a skill, the one that counts first.
constexpr const char* kDescriptions[] = {kSkillFileName, kSmallSkillFileName, "Skilletfile.yaml", "skill.yaml",
                                         "skill.yml"};

class Walk {
 public:
  explicit Walk(SkillFolders& found) : found_(found) {}

  void visit(const SkillFolder& folder, std::size_t depth) {
    if (stopped_ || !visited_.insert(folder.real.native()).second) return;
    for (const char* name : kDescriptions) {
      std::error_code error;
      if (!fs::exists(fs::symlink_status(folder.real / name, error))) continue;
      keep({folder.real, folder.shown, name});
      return;
    }
    for (const std::string& name : sorted_names(folder)) visit_entry(folder, name, depth);
  }

 private:
  void keep(const SkillFolder& folder) {
    if (found_.folders.size() < limits::kSkillsMax) {
      found_.folders.push_back(folder);
      return;
    }
    stop(folder.shown, "there are more than " + std::to_string(limits::kSkillsMax) + " skills; the rest is not loaded");
  }

  std::vector<std::string> sorted_names(const SkillFolder& folder) {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entry(folder.real, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (++entries_ > limits::kSkillScanEntriesMax) {
        stop(folder.shown, "the directory has too many entries; the rest is not looked at");
        break;
      }
      names.push_back(entry->path().filename().string());
    }
    if (error) problem(folder.shown, Severity::error, "cannot read the folder: " + error.message());
    std::sort(names.begin(), names.end());
    return names;
  }

  void visit_entry(const SkillFolder& parent, const std::string& name, std::size_t depth) {
    if (name.starts_with('.') || name == "node_modules") return;
    SkillFolder folder{parent.real / name, parent.shown / name, {}};
    std::error_code error;
    const bool linked = fs::is_symlink(fs::symlink_status(folder.real, error));
    if (!fs::is_directory(folder.real, error)) return;
    if (linked) {
      folder.real = fs::canonical(folder.real, error);
      if (error || !is_inside(folder.real, found_.root)) {
        problem(folder.shown, Severity::warning, "not followed: the link leads out of the skills directory");
        return;
      }
    }
    if (depth >= limits::kSkillDepthMax) {
      problem(folder.shown, Severity::warning,
              "not looked at: more than " + std::to_string(limits::kSkillDepthMax) + " folders deep");
      return;
    }
    visit(folder, depth + 1);
  }

  void problem(const fs::path& file, Severity severity, std::string message) {
    report(found_.problems, {file, 0, severity, std::move(message)});
  }

  void stop(const fs::path& file, std::string message) {
    if (!std::exchange(stopped_, true)) problem(file, Severity::error, std::move(message));
  }

  SkillFolders& found_;
  std::set<std::string> visited_;
  std::size_t entries_ = 0;
  bool stopped_ = false;
};

}  // namespace

bool holds_skill(const fs::path& folder) {
  return std::ranges::any_of(kDescriptions, [&](const char* name) {
    std::error_code error;
    return fs::exists(fs::symlink_status(folder / name, error));
  });
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

Result<SkillFolders> find_skill_folders(const fs::path& root) {
  const auto refusal = [&](const std::string& why) {
    return Error{ErrorCode::invalid_config, "skills directory " + in_quotes(root.native()) + ": " + why};
  };
  std::error_code error;
  SkillFolders found;
  found.root = fs::canonical(root, error);
  if (error) return refusal(error.message());
  if (!fs::is_directory(found.root, error)) return refusal("not a directory");
  const fs::directory_iterator readable(found.root, error);
  if (error) return refusal(error.message());

  Walk(found).visit({found.root, root, {}}, 0);
  return found;
}

}  // namespace skillscale
