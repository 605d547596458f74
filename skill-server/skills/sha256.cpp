#include "skills/sha256.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace skillscale {

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

// OpenSSL fails here only without memory, or when it is configured without SHA-256.
Sha256::Sha256() : state_(std::make_unique<State>()) {
  SK_CHECK(state_->context && EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  SK_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::finish() {
  unsigned char sum[EVP_MAX_MD_SIZE] = {};
  unsigned int length = 0;
  SK_CHECK(EVP_DigestFinal_ex(state_->context.get(), sum, &length) == 1);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(std::size_t{2} * length);
  for (unsigned int i = 0; i < length; ++i) {
    text.push_back(kDigits[sum[i] >> 4U]);
    text.push_back(kDigits[sum[i] & 0xfU]);
  }
  return text;
}

std::string sha256_of(std::string_view bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.finish();
}

}  // namespace skillscale
