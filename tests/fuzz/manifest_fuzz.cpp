// Any bytes as a SKILL.md: an answer, bounded, and the same promises for every reading.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "skills/manifest.h"

namespace {

void check_reading(std::string_view text, skillscale::Strictness strictness) {
  using namespace skillscale;
  const ManifestReading reading = parse_manifest(text, "/skills/some-skill/SKILL.md", strictness);
  SK_CHECK(reading.manifest || has_error(reading.problems));
  SK_CHECK(reading.problems.size() <= limits::kSkillProblemsMax);
  for (const Problem& problem : reading.problems) {
    const std::string line = to_text(problem);
    SK_CHECK(is_valid_utf8(line) && line.find('\n') == std::string::npos);
  }
  if (!reading.manifest) return;
  SK_CHECK(!reading.manifest->name.empty() && !reading.manifest->description.empty());
  SK_CHECK(reading.manifest->name.find('\n') == std::string::npos);
  SK_CHECK(is_valid_utf8(reading.manifest->description) && is_valid_utf8(reading.manifest->body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_reading(text, skillscale::Strictness::lenient);
  check_reading(text, skillscale::Strictness::strict);
  return 0;
}
