#include "engine/credentials.h"

#include <strings.h>

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "protocol/json_writer.h"

namespace skillscale {
namespace {

void add_name(std::string& names, const std::string& name) { names += (names.empty() ? "" : ", ") + name; }

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

Result<void> check_variables(const Skill& skill, const Intent& intent) {
  std::string undeclared;
  for (const auto& [name, value] : intent.env) {
    const auto declares = [&name = name](const DeclaredVariable& variable) { return variable.name == name; };
    if (std::ranges::none_of(skill.env, declares)) add_name(undeclared, name);
  }
  if (!undeclared.empty()) {
    return Error{ErrorCode::not_allowed, "env: the skill \"" + skill.name + "\" does not declare " + undeclared};
  }
  std::string missing;
  for (const DeclaredVariable& variable : skill.env) {
    const auto gives = [&](const auto& given) { return given.first == variable.name && !given.second.empty(); };
    if (variable.required && std::ranges::none_of(intent.env, gives)) add_name(missing, variable.name);
  }
  if (!missing.empty()) {
    return Error{ErrorCode::invalid_request, "env: the skill \"" + skill.name + "\" needs " + missing};
  }
  return {};
}

Secrets::Secrets(const std::vector<std::pair<std::string, std::string>>& variables) {
  for (const auto& [name, value] : variables) {
    if (value.size() < limits::kSecretBytesMin) continue;
    const std::string mark = "[" + name + "]";
    values_.push_back({value, mark});
    const std::string quoted = quote_json(value);
    if (quoted.size() != value.size() + 2) values_.push_back({quoted.substr(1, quoted.size() - 2), mark});
  }
  std::ranges::sort(values_, [](const Value& a, const Value& b) { return a.text.size() > b.text.size(); });
}

Secrets::~Secrets() {
  for (Value& value : values_) wipe(value.text);
}

void Secrets::remove_from(std::string& text) const {
  for (const Value& value : values_) replace_all(text, value.text, value.mark);
}

std::size_t Secrets::begun_in(std::string_view text) const noexcept {
  std::size_t begun = 0;
  for (const Value& value : values_) {
    for (std::size_t length = std::min(text.size(), value.text.size() - 1); length > begun; --length) {
      if (!std::string_view(value.text).starts_with(text.substr(text.size() - length))) continue;
      begun = length;
      break;
    }
  }
  return begun;
}

std::size_t Secrets::bytes() const noexcept {
  std::size_t total = 0;
  for (const Value& value : values_) total += value.text.size();
  return total;
}

void wipe(std::string& text) noexcept {
  explicit_bzero(text.data(), text.size());
  text.clear();
}

void wipe_variables(Intent& intent) noexcept {
  for (auto& [name, value] : intent.env) wipe(value);
}

}  // namespace skillscale
