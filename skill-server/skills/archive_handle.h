// Owners of what libarchive hands out. For the .cpp files of bundles only.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <clocale>
#include <memory>
#include <string>

namespace skillscale {

struct FreeArchiveReader {
  void operator()(archive* handle) const noexcept { archive_read_free(handle); }
};
struct FreeArchiveWriter {
  void operator()(archive* handle) const noexcept { archive_write_free(handle); }
};
struct FreeArchiveEntry {
  void operator()(archive_entry* entry) const noexcept { archive_entry_free(entry); }
};
using ArchiveReader = std::unique_ptr<archive, FreeArchiveReader>;
using ArchiveWriter = std::unique_ptr<archive, FreeArchiveWriter>;
using ArchiveEntry = std::unique_ptr<archive_entry, FreeArchiveEntry>;

inline std::string archive_error_text(archive* handle) {
  const char* text = archive_error_string(handle);
  return text == nullptr ? "unknown error" : text;
}

// libarchive converts names through the locale; on this thread it is UTF-8 as long as this lives.
class Utf8Locale {
 public:
  Utf8Locale() : utf8_(::newlocale(LC_ALL_MASK, "C.UTF-8", nullptr)) {
    if (utf8_ != nullptr) before_ = ::uselocale(utf8_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;
  ~Utf8Locale() {
    if (utf8_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(utf8_);
  }

 private:
  locale_t utf8_;
  locale_t before_ = nullptr;
};

}  // namespace skillscale
