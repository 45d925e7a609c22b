#include "lib/http/tls_context.h"

#include "lib/core/check.h"
#include "lib/crypto/pem.h"

namespace pannier::http {

void RequireModernTls(SSL_CTX* context) {
  CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

Status ShowCertificate(SSL_CTX* context, const std::string& certificate_pem,
                       const std::string& key_pem) {
  const std::vector<crypto::X509Pointer> chain =
      TRY(crypto::ParseCertificates(certificate_pem).Context("certificate"));
  const crypto::KeyPointer key = TRY(crypto::ParseKey(key_pem).Context("key"));
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return InvalidArgument("certificate: " + crypto::LastCryptoError());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    // Refused where a key is too short for today.
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return InvalidArgument("certificate: what signed it: " + crypto::LastCryptoError());
    }
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return InvalidArgument("the private key belongs to another certificate: " +
                           crypto::LastCryptoError());
  }
  return {};
}

Status TrustAuthorities(SSL_CTX* context, const std::string& authorities_pem) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const crypto::X509Pointer& authority :
       TRY(crypto::ParseCertificates(authorities_pem).Context("authority"))) {
    CHECK(X509_STORE_add_cert(store, authority.get()) == 1);
    CHECK(SSL_CTX_add_client_CA(context, authority.get()) == 1);
  }
  return {};
}

}  // namespace pannier::http
