// A skills directory of a test: made in a fresh temporary folder, removed at the end.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "skills/interpreter.h"

namespace skillscale::testing {

class SkillTree {
 public:
  SkillTree() {
    std::string name = (std::filesystem::temp_directory_path() / "skills-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) root_ = std::filesystem::canonical(name);
  }
  SkillTree(const SkillTree&) = delete;
  SkillTree& operator=(const SkillTree&) = delete;
  ~SkillTree() {
    std::error_code ignored;
    if (!root_.empty()) std::filesystem::remove_all(root_, ignored);
  }

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path operator/(std::string_view path) const { return root_ / path; }

  void write(std::string_view path, std::string_view text, bool executable = false) const {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    ASSERT_EQ(::chmod(file.c_str(), executable ? 0755 : 0644), 0);
  }
  // A skill that is named after its folder.
  void add_skill(const std::string& folder, const std::string& description = "Does one thing.") const {
    const std::string name = std::filesystem::path(folder).filename().string();
    write(folder + "/SKILL.md", "---\nname: " + name + "\ndescription: " + description + "\n---\nDo it.\n");
  }
  void link(std::string_view path, const std::filesystem::path& target) const {
    const std::filesystem::path place = root_ / path;
    std::filesystem::create_directories(place.parent_path());
    std::filesystem::create_symlink(target, place);
  }

 private:
  std::filesystem::path root_;
};

// The interpreters of Debian.
inline Interpreters system_interpreters() {
  auto interpreters = Interpreters::create({}, "/usr/bin:/bin");
  return interpreters ? *interpreters : Interpreters();
}

}  // namespace skillscale::testing
