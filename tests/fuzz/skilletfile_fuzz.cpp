// Any bytes as a Skilletfile.yaml and as a skill.yaml: an answer, bounded, and no name of a
// variable that would change the run itself.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "skills/metadata_keys.h"
#include "skills/skilletfile.h"

namespace {

void check_reading(std::string_view text, skillscale::Descriptor kind) {
  using namespace skillscale;
  const ManifestReading reading = parse_descriptor(text, "/skills/some-skill/Skilletfile.yaml", kind);
  SK_CHECK(reading.manifest || has_error(reading.problems));
  SK_CHECK(reading.problems.size() <= limits::kSkillProblemsMax);
  if (!reading.manifest) return;
  SK_CHECK(!reading.manifest->name.empty() && !reading.manifest->entrypoint.empty());
  SK_CHECK(reading.manifest->name.find('\n') == std::string::npos);
  SK_CHECK(reading.manifest->inputs.size() <= limits::kSkillFieldsMax);
  SK_CHECK(reading.manifest->env.size() <= limits::kSkillVariablesMax);
  for (const DeclaredVariable& variable : reading.manifest->env) SK_CHECK(is_variable_name(variable.name));
  for (const Field& field : reading.manifest->inputs) {
    SK_CHECK(!field.name.empty() && (!field.default_json || is_valid_utf8(*field.default_json)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_reading(text, skillscale::Descriptor::skillet);
  check_reading(text, skillscale::Descriptor::skillos);
  return 0;
}
