#include "skills/digest.h"

#include <bit>
#include <cstring>

#include "base/random_id.h"

namespace skillscale {
namespace {

// Odd constants with well spread bits; the scheme is MurmurHash3's 128-bit one
// (public domain) with the tail padded by zeros, which the length makes unambiguous.
constexpr std::uint64_t kFirst = 0x87c37b91114253d5ULL;
constexpr std::uint64_t kSecond = 0x4cf5ad432745937fULL;

std::uint64_t finalise(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

struct Seed {
  std::uint64_t high = random_u64();
  std::uint64_t low = random_u64();
};

const Seed& process_seed() {
  static const Seed seed;
  return seed;
}

}  // namespace

DigestBuilder::DigestBuilder() : high_(process_seed().high), low_(process_seed().low) {}

void DigestBuilder::mix(std::uint64_t first, std::uint64_t second) {
  high_ ^= std::rotl(first * kFirst, 31) * kSecond;
  high_ = (std::rotl(high_, 27) + low_) * 5 + 0x52dce729;
  low_ ^= std::rotl(second * kSecond, 33) * kFirst;
  low_ = (std::rotl(low_, 31) + high_) * 5 + 0x38495ab5;
}

void DigestBuilder::add(std::string_view part) {
  mix(part.size(), kFirst);
  while (!part.empty()) {
    std::uint64_t block[2] = {0, 0};
    const std::size_t taken = part.size() < sizeof block ? part.size() : sizeof block;
    std::memcpy(block, part.data(), taken);
    mix(block[0], block[1]);
    part.remove_prefix(taken);
  }
}

Digest DigestBuilder::finish() const {
  std::uint64_t high = finalise(high_ + low_);
  const std::uint64_t low = finalise(low_ + high);
  high += low;
  return {.high = high, .low = low};
}

Digest digest_of(const Intent& intent) {
  DigestBuilder digest;
  digest.add(intent.body);
  digest.add(intent.skill);
  digest.add(intent.skill_version);
  digest.add(intent.script);
  for (const std::string& argument : intent.args) digest.add(argument);
  digest.add(intent.stdin_data);
  digest.add(intent.input_json.value_or(""));
  for (const InputFile& file : intent.files) {
    digest.add(file.path);
    digest.add(file.content);
  }
  for (const std::string& pattern : intent.collect) digest.add(pattern);
  // Seeded and one way: the stored digest does not give the values away.
  for (const auto& [name, value] : intent.env) {
    digest.add(name);
    digest.add(value);
  }
  // Lists of different lengths must not run into each other.
  for (const std::size_t count : {intent.args.size(), intent.files.size(), intent.collect.size(), intent.env.size()}) {
    digest.add(std::to_string(count));
  }
  return digest.finish();
}

}  // namespace skillscale
