// Any bytes as a configuration file: settings or an Error that names the file, and
// never a value outside of what the setting allows.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "daemon/config_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto entries = skillscale::parse_config_file(text, "fuzz.yaml");
  if (!entries) {
    SK_CHECK(entries.error().code == skillscale::ErrorCode::invalid_config);
    SK_CHECK(entries.error().detail.starts_with("fuzz.yaml:"));
    return 0;
  }
  for (const skillscale::FileEntry& entry : *entries) {
    SK_CHECK(entry.line >= 1);
    SK_CHECK(entry.is_list || entry.values.size() <= 1);
  }
  return 0;
}
