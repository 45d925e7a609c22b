// One OpenSSL digest computation, for the files of this folder. Threads: one at a time.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string_view>

#include "lib/core/check.h"

namespace pannier::crypto {

struct FreeEvp {
  void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Fails only where memory does, which stops the process anyway.
class EvpDigest {
 public:
  explicit EvpDigest(const EVP_MD* algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
    CHECK(context_ != nullptr);
    Begin();
  }

  void Begin() { CHECK(EVP_DigestInit_ex2(context_.get(), algorithm_, nullptr) == 1); }
  void Update(std::string_view bytes) {
    CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  // `into` has room for the algorithm's digest.
  void Finish(unsigned char* into) {
    CHECK(EVP_DigestFinal_ex(context_.get(), into, nullptr) == 1);
  }

 private:
  const EVP_MD* const algorithm_;
  const std::unique_ptr<EVP_MD_CTX, FreeEvp> context_;
};

}  // namespace pannier::crypto
