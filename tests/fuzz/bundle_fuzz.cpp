// Any bytes as a bundle of a skill: refused, or unpacked as one new folder with nothing but files in it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "os/fd.h"
#include "skills/skill_bundle.h"

namespace {

namespace fs = std::filesystem;

void check_unpacked(const fs::path& parent, const skillscale::Bundle& bundle) {
  std::size_t folders = 0;
  for (const auto& entry : fs::directory_iterator(parent)) {
    ++folders;
    SK_CHECK(entry.path() == bundle.place);
  }
  SK_CHECK(folders == 1);
  for (const auto& entry : fs::recursive_directory_iterator(parent)) {
    SK_CHECK(entry.is_directory() || entry.is_regular_file());
    SK_CHECK(!entry.is_symlink());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skillscale;
  const Fd memory(::memfd_create("bundle", MFD_CLOEXEC));
  SK_CHECK(memory && ::write(memory.get(), data, size) == static_cast<ssize_t>(size));
  std::string parent = (fs::temp_directory_path() / "bundle-fuzz-XXXXXX").string();
  SK_CHECK(::mkdtemp(parent.data()) != nullptr);

  const auto bundle = unpack_skill("/proc/self/fd/" + std::to_string(memory.get()), parent, Interpreters());
  if (bundle) {
    check_unpacked(parent, bundle.value());
  } else {
    SK_CHECK(fs::is_empty(parent));
  }
  fs::remove_all(parent);
  return 0;
}
