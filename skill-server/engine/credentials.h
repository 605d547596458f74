// The variables that an intent gives to its run. Their values are secrets: they
// reach the child's environment and nothing else.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "protocol/intent.h"
#include "skills/skill.h"

namespace skillscale {

// Errors: not_allowed names what the skill does not declare, invalid_request what
// it needs and was not given.
Result<void> check_variables(const Skill& skill, const Intent& intent);

// Takes the values out of what a skill has printed. Values of fewer than
// kSecretBytesMin bytes ("true", "8080") are no secrets that could be told from other text.
class Secrets {
 public:
  // Borrows nothing; wiped at the end.
  explicit Secrets(const std::vector<std::pair<std::string, std::string>>& variables);
  ~Secrets();
  Secrets(const Secrets&) = delete;
  Secrets& operator=(const Secrets&) = delete;

  bool empty() const noexcept { return values_.empty(); }
  // Puts "[NAME]" in the place of each value, as it is or escaped as in JSON.
  void remove_from(std::string& text) const;
  // How many bytes at the end of the text may be the beginning of a value: what follows must be looked at with them.
  std::size_t begun_in(std::string_view text) const noexcept;
  std::size_t bytes() const noexcept;  // Of all values together.

 private:
  struct Value {
    std::string text;
    std::string mark;
  };
  std::vector<Value> values_;  // The longest first: one may be part of another.
};

// Overwrites the bytes, so that they are not found in memory that is used again.
void wipe(std::string& text) noexcept;
void wipe_variables(Intent& intent) noexcept;

}  // namespace skillscale
