#include "lib/crypto/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/core/check.h"

namespace pannier::crypto {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPointer = std::unique_ptr<BIO, FreeBio>;

BioPointer Reader(std::string_view pem) {
  BioPointer bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(bio != nullptr);
  return bio;
}

std::string Drained(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<size_t>(size)};
}

// Never asks on a terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace

Result<std::vector<X509Pointer>> ParseCertificates(std::string_view pem) {
  std::vector<X509Pointer> certificates;
  if (pem.size() > kPemBytesMax) return InvalidArgument("more than 1 MiB of certificates");
  const BioPointer bio = Reader(pem);
  ERR_clear_error();
  while (X509* const next = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)) {
    certificates.emplace_back(next);
    if (certificates.size() > kPemCertificatesMax) {
      return InvalidArgument("more than 256 certificates");
    }
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = LastCryptoError();
  if (!at_end) return InvalidArgument("a certificate cannot be read: " + why);
  if (certificates.empty()) {
    return InvalidArgument("no certificate", "it is PEM text: -----BEGIN CERTIFICATE-----");
  }
  return certificates;
}

Result<X509Pointer> ParseCertificate(std::string_view pem) {
  std::vector<X509Pointer> certificates = TRY(ParseCertificates(pem));
  return std::move(certificates.front());
}

Result<KeyPointer> ParseKey(std::string_view pem) {
  if (pem.size() > kPemBytesMax) return InvalidArgument("more than 1 MiB of a private key");
  const BioPointer bio = Reader(pem);
  ERR_clear_error();
  KeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key) return key;
  // Nothing of the text goes into the message.
  return InvalidArgument("no private key that can be read: " + LastCryptoError(),
                         "it is PEM text without a passphrase: -----BEGIN PRIVATE KEY-----");
}

std::string ToPem(X509* certificate) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  CHECK(bio && PEM_write_bio_X509(bio.get(), certificate) == 1);
  return Drained(bio.get());
}

std::string ToPem(EVP_PKEY* key) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  CHECK(bio &&
        PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return Drained(bio.get());
}

std::string LastCryptoError() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

}  // namespace pannier::crypto
