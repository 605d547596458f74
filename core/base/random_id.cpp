#include "base/random_id.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <span>

#include "base/check.h"

namespace skillscale {
namespace {

void fill_random(std::span<std::uint8_t> bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    SK_CHECK(got > 0);
    filled += static_cast<std::size_t>(got);
  }
}

}  // namespace

std::string random_id() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<std::uint8_t, 16> bytes{};
  fill_random(bytes);
  std::string id;
  id.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    id.push_back(kDigits[byte >> 4]);
    id.push_back(kDigits[byte & 0xf]);
  }
  return id;
}

std::uint64_t random_u64() {
  std::array<std::uint8_t, 8> bytes{};
  fill_random(bytes);
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = (value << 8) | byte;
  return value;
}

}  // namespace skillscale
