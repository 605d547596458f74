// A number that tells one state of files from another.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skillscale {

// FNV-1a: quick, and against nobody. A value.
class Fingerprint {
 public:
  Fingerprint& add(std::string_view bytes) {
    for (const char byte : bytes) mix(static_cast<unsigned char>(byte));
    mix(0xff);  // Not in UTF-8: {"ab", "c"} and {"a", "bc"} differ.
    return *this;
  }
  void add_number(std::uint64_t number) {
    for (unsigned shift = 0; shift < 64; shift += 8) mix(static_cast<unsigned char>((number >> shift) & 0xffU));
  }
  // What a change of a file leaves behind: which file it is, its mode, size and times.
  void add(const struct stat& status) {
    add_number(status.st_dev);
    add_number(status.st_ino);
    add_number(status.st_mode);
    add_number(S_ISDIR(status.st_mode) ? 0 : static_cast<std::uint64_t>(status.st_size));
    add_number(static_cast<std::uint64_t>(status.st_mtim.tv_sec));
    add_number(static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
    add_number(static_cast<std::uint64_t>(status.st_ctim.tv_sec));
    add_number(static_cast<std::uint64_t>(status.st_ctim.tv_nsec));
  }
  // The same of one entry of a tree that is looked at as a whole: what changes in a folder shows in its
  // entries, and what Python leaves there, which changes its times, is no change.
  void add_entry(struct stat status) {
    if (S_ISDIR(status.st_mode)) status.st_mtim = status.st_ctim = {};
    add(status);
  }
  std::uint64_t value() const noexcept { return value_; }

 private:
  void mix(unsigned char byte) noexcept { value_ = (value_ ^ byte) * 0x100000001b3U; }
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace skillscale
