// A fingerprint of what an intent asks for, to tell a repeat from something new.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/intent.h"

namespace skillscale {

// 128 bits are enough that two different intents never meet by accident in one
// process. It is not a cryptographic hash on purpose: it is compared only inside
// this process, it is seeded at random so that nobody can prepare a collision
// from outside, and it costs a tenth of SHA-256 on a 10 MB intent.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Digest&) const = default;
};

// Each part counts with its length: {"ab", "c"} and {"a", "bc"} differ.
class DigestBuilder {
 public:
  DigestBuilder();
  void add(std::string_view part);
  Digest finish() const;

 private:
  void mix(std::uint64_t first, std::uint64_t second);
  std::uint64_t high_;
  std::uint64_t low_;
};

// Of all that decides what is run and with what; not of whom is answered, nor of times and priorities.
Digest digest_of(const Intent& intent);

}  // namespace skillscale
