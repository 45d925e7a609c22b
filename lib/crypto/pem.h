// PEM to OpenSSL's certificates and keys and back, for the folders that own OpenSSL (lib/crypto,
// lib/http). Threads: pure functions; any.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/result.h"

namespace pannier::crypto {

struct FreePem {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using X509Pointer = std::unique_ptr<X509, FreePem>;
using KeyPointer = std::unique_ptr<EVP_PKEY, FreePem>;

inline constexpr size_t kPemBytesMax = 1 << 20;
inline constexpr size_t kPemCertificatesMax = 256;

// The first certificate; all of them, at least one.
//   kInvalidArgument  there is none, too many, or one that cannot be read
Result<X509Pointer> ParseCertificate(std::string_view pem);
Result<std::vector<X509Pointer>> ParseCertificates(std::string_view pem);
// A private key without a passphrase.
//   kInvalidArgument  there is none that can be read
Result<KeyPointer> ParseKey(std::string_view pem);

std::string ToPem(X509* certificate);
std::string ToPem(EVP_PKEY* key);

// What OpenSSL said last in this thread, in words; forgets it.
std::string LastCryptoError();

}  // namespace pannier::crypto
