#include "skills/metadata_keys.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/limits.h"

namespace skillscale {
namespace {

constexpr std::string_view kSpaces = " \t\n";
constexpr std::uint64_t kBytesPerMb = limits::kMiB;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::optional<std::int64_t> as_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <std::int64_t max>
bool is_count(std::string_view text) {
  const auto number = as_integer(text);
  return number && *number >= 1 && *number <= max;
}

std::uint64_t count_of(std::string_view text) { return static_cast<std::uint64_t>(as_integer(text).value_or(0)); }

bool is_switch(std::string_view text) { return text == "true" || text == "false"; }
bool is_anything(std::string_view) { return true; }
bool is_something(std::string_view text) { return !text.empty(); }
bool is_sandbox(std::string_view text) { return text == "none" || text == "standard" || text == "strict"; }
bool is_runner(std::string_view text) { return text == "cold" || text == "zygote" || text == "worker"; }

// `NAME`, or `NAME?` for one that may be missing.
DeclaredVariable as_variable(std::string_view item) {
  const bool optional = item.ends_with('?');
  if (optional) item.remove_suffix(1);
  return {std::string(item), !optional};
}

bool is_environment_list(std::string_view text) {
  const auto items = split_list(text);
  return items.size() <= limits::kSkillVariablesMax &&
         std::all_of(items.begin(), items.end(),
                     [](const std::string& item) { return is_variable_name(as_variable(item).name); });
}

Runner runner_of(std::string_view text) {
  if (text == "zygote") return Runner::zygote;
  return text == "worker" ? Runner::worker : Runner::cold;
}

// Only values that `accepts` has taken come to `apply`.
const std::array<MetadataKey, 19>& keys() {
  using std::string;
  using std::string_view;
  static_assert(limits::kTimeoutMax.count() == 604800000);
  static const std::array<MetadataKey, 19> all = {{
      {"version", is_anything, "", [](string_view v, Manifest& m) { m.version = v; }},
      {"tags", is_anything, "", [](string_view v, Manifest& m) { m.tags = split_list(v); }},
      {"idempotent", is_switch, "true or false", [](string_view v, Manifest& m) { m.idempotent = v == "true"; }},
      {"timeout-ms", is_count<limits::kTimeoutMax.count()>, "a number from 1 to 604800000",
       [](string_view v, Manifest& m) { m.timeout = std::chrono::milliseconds(count_of(v)); }},
      {"memory-mb", is_count<limits::kSkillMemoryMbMax>, "a number from 1 to 1048576",
       [](string_view v, Manifest& m) { m.limits.memory_bytes = count_of(v) * kBytesPerMb; }},
      {"cpu-seconds", is_count<limits::kSkillCpuSecondsMax>, "a number from 1 to 604800",
       [](string_view v, Manifest& m) { m.limits.cpu = std::chrono::seconds(count_of(v)); }},
      {"max-output-bytes", is_count<limits::kSkillOutputBytesMax>, "a number from 1 to 1073741824",
       [](string_view v, Manifest& m) { m.limits.output_bytes = count_of(v); }},
      {"max-folder-mb", is_count<limits::kSkillFolderMbMax>, "a number from 1 to 1048576",
       [](string_view v, Manifest& m) { m.limits.folder_bytes = count_of(v) * kBytesPerMb; }},
      {"max-processes", is_count<limits::kSkillProcessesMax>, "a number from 1 to 100000",
       [](string_view v, Manifest& m) { m.limits.processes = count_of(v); }},
      {"concurrency", is_count<limits::kWorkersMax>, "a number from 1 to 1024",
       [](string_view v, Manifest& m) { m.limits.concurrency = count_of(v); }},
      {"allow-network", is_switch, "true or false", [](string_view v, Manifest& m) { m.wants_network = v == "true"; }},
      {"sandbox", is_sandbox, "none, standard or strict", [](string_view v, Manifest& m) { m.sandbox = v; }},
      {"runner", is_runner, "cold, zygote or worker", [](string_view v, Manifest& m) { m.runner = runner_of(v); }},
      {"env", is_environment_list,
       "names of environment variables, NAME or NAME?, not those that SkillScale or the system sets",
       [](string_view v, Manifest& m) {
         for (const string& item : split_list(v)) declare_variable(m, as_variable(item));
       }},
      {"deprecated", is_something, "true, false or the reason",
       [](string_view v, Manifest& m) {
         m.deprecated = v == "false" ? string() : v == "true" ? string("deprecated") : string(v);
       }},
      {"replaced-by", is_something, "the name of a skill", [](string_view v, Manifest& m) { m.replaced_by = v; }},
      {"entrypoint", is_something, "scripts/FILE.py, scripts/FILE.py:FUNCTION or MODULE:FUNCTION",
       [](string_view v, Manifest& m) { m.entrypoint = v; }},
      // Lists, which the manifest reads itself.
      {"inputs", is_anything, "", [](string_view, Manifest&) {}},
      {"outputs", is_anything, "", [](string_view, Manifest&) {}},
  }};
  return all;
}

}  // namespace

const MetadataKey* find_metadata_key(std::string_view name) {
  const auto* found =
      std::find_if(keys().begin(), keys().end(), [&](const MetadataKey& key) { return key.name == name; });
  return found == keys().end() ? nullptr : found;
}

std::vector<std::string> split_list(std::string_view text) {
  const std::string_view separators = text.find(',') == std::string_view::npos ? kSpaces : std::string_view(",\n");
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(separators);
    const std::string_view part = trimmed(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

bool is_variable_name(std::string_view name) {
  constexpr std::size_t kNameBytesMax = 128;
  constexpr std::array<std::string_view, 8> kTaken = {"PATH",  "HOME",      "TMPDIR",           "PWD",
                                                      "SHELL", "SKILL_DIR", "CLAUDE_SKILL_DIR", "TRACEPARENT"};
  const auto fits = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && name.size() <= kNameBytesMax && fits(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return fits(c) || (c >= '0' && c <= '9'); }) &&
         std::find(kTaken.begin(), kTaken.end(), name) == kTaken.end() && !name.starts_with("SKILLSCALE_") &&
         !name.starts_with("LD_");
}

void declare_variable(Manifest& manifest, DeclaredVariable variable) {
  const auto same = std::find_if(manifest.env.begin(), manifest.env.end(),
                                 [&](const DeclaredVariable& known) { return known.name == variable.name; });
  if (same != manifest.env.end()) {
    same->required = same->required || variable.required;
  } else if (manifest.env.size() < limits::kSkillVariablesMax) {
    manifest.env.push_back(std::move(variable));
  }
}

}  // namespace skillscale
