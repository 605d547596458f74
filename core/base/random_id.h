// Names that nobody else has.
#pragma once

#include <cstdint>
#include <string>

namespace skillscale {

// 128 random bits as 32 lower-case hex digits. Fixed length on purpose: ZeroMQ
// filters by prefix, so an id must never be the beginning of another one.
std::string random_id();

// 64 random bits from the kernel.
std::uint64_t random_u64();

}  // namespace skillscale
