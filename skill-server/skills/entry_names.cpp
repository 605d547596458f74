#include "skills/entry_names.h"

#include <algorithm>

#include "base/limits.h"
#include "base/utf8.h"
#include "skills/problem.h"
#include "skills/skill_bundle.h"
#include "skills/skill_name.h"

namespace skillscale {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

std::string fault_in_entry_path(std::string_view path) {
  if (path.empty() || path.size() > limits::kBundlePathBytesMax) return "is empty or too long";
  if (!is_valid_utf8(path)) return "is not UTF-8";
  if (std::any_of(path.begin(), path.end(), is_control)) return "has a control character";
  if (path.find('\\') != std::string_view::npos) return "has a backslash";
  if (path.front() == '/') return "is absolute";
  if (path.size() >= 2 && path[1] == ':') return "begins with a drive";
  std::size_t depth = 0;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty() || part == ".") return "has an empty part";
    if (part == "..") return "leads out of the folder";
    if (part.size() > limits::kRunNameBytesMax) return "has a part that is too long";
    if (++depth > limits::kSkillFileDepthMax + 2) return "is nested too deeply";
    start = end + 1;
  }
  return {};
}

Result<void> EntryNames::add(const std::string& path, Kind kind) {
  if (const std::string why = fault_in_entry_path(path); !why.empty()) {
    return Error{ErrorCode::not_allowed, "the entry " + in_quotes(path) + ' ' + why};
  }
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (auto added = add_one(path.substr(0, slash), Kind::folder); !added) return added;
  }
  return add_one(path, kind);
}

Result<void> EntryNames::add_one(const std::string& path, Kind kind) {
  const auto [place, is_new] = known_.emplace(folded_name(path), Known{path, kind});
  if (is_new || (place->second.path == path && kind == Kind::folder && place->second.kind == kind)) return {};
  if (place->second.path == path)
    return Error{ErrorCode::not_allowed, "the entry " + in_quotes(path) + " is there twice"};
  return Error{ErrorCode::not_allowed, "the entries " + in_quotes(place->second.path) + " and " + in_quotes(path) +
                                           " are one name on some file systems"};
}

}  // namespace skillscale
