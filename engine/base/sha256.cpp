#include "engine/base/sha256.hpp"

#include <openssl/evp.h>

#include <array>

namespace lockstep {

namespace {

using Digest = std::array<unsigned char, 32>;

std::string hex_of(const Digest& digest) {
  std::string hex;
  for (unsigned char byte : digest) {
    constexpr char digits[] = "0123456789abcdef";
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

EVP_MD_CTX* of(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  Digest digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return hex_of(digest);
}

void Sha256::Free::operator()(void* context) const {
  EVP_MD_CTX_free(of(context));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(of(context_.get()), EVP_sha256(), nullptr);
}

void Sha256::add(std::string_view bytes) {
  EVP_DigestUpdate(of(context_.get()), bytes.data(), bytes.size());
}

std::string Sha256::take_hex() {
  Digest digest{};
  EVP_DigestFinal_ex(of(context_.get()), digest.data(), nullptr);
  EVP_DigestInit_ex(of(context_.get()), EVP_sha256(), nullptr);
  return hex_of(digest);
}

}  // namespace lockstep
