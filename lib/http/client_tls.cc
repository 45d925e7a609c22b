#include "lib/http/client_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <utility>

#include "lib/core/check.h"

namespace pannier::http {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using BioPointer = std::unique_ptr<BIO, Free>;
using CertificatePointer = std::unique_ptr<X509, Free>;

BioPointer Read(const std::string& pem) {
  BioPointer bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(bio != nullptr);
  return bio;
}

CertificatePointer NextCertificate(BIO* bio) {
  return CertificatePointer(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
}

Status Trust(SSL_CTX* context, const std::string& ca_pem) {
  if (ca_pem.empty()) {
    CHECK(SSL_CTX_set_default_verify_paths(context) == 1);
    return {};
  }
  const BioPointer bio = Read(ca_pem);
  int count = 0;
  while (const CertificatePointer authority = NextCertificate(bio.get())) {
    CHECK(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) == 1);
    ++count;
  }
  ERR_clear_error();  // the end of the text is an error to OpenSSL
  if (count == 0) return InvalidArgument("the authority's PEM holds no certificate");
  return {};
}

Status Show(SSL_CTX* context, const ClientTls& tls) {
  if (tls.certificate_pem.empty()) return {};
  const BioPointer bio = Read(tls.certificate_pem);
  const CertificatePointer own = NextCertificate(bio.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return InvalidArgument("the client's PEM holds no certificate");
  }
  while (const CertificatePointer signer = NextCertificate(bio.get())) {
    CHECK(SSL_CTX_add1_chain_cert(context, signer.get()) == 1);
  }
  ERR_clear_error();
  const BioPointer key_bio = Read(tls.key_pem);
  // No pass phrase is asked for: an encrypted key cannot be read.
  const auto no_phrase = [](char*, int, int, void*) { return 0; };
  const std::unique_ptr<EVP_PKEY, Free> key(
      PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_phrase, nullptr));
  ERR_clear_error();
  if (!key) return InvalidArgument("the client's key is no private key in PEM, or is encrypted");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    ERR_clear_error();
    return InvalidArgument("the client's key belongs to another certificate");
  }
  return {};
}

bool IsAddress(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

Status ClientTlsContext::Prepare(SSL_CTX* context, const ClientTls& tls, const std::string& host) {
  CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  TRY(Trust(context, tls.ca_pem));
  TRY(Show(context, tls));
  const std::string& name = tls.server_name.empty() ? host : tls.server_name;
  X509_VERIFY_PARAM* const wanted = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int is_set = IsAddress(name) ? X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str())
                                     : X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), 0);
  if (is_set != 1) return InvalidArgument("\"" + name + "\" is no name of a server");
  SSL_CTX_set_app_data(context, reinterpret_cast<char*>(this));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, OnVerify);
  return {};
}

std::string ClientTlsContext::TakeRefusal() { return std::exchange(refusal_, {}); }

int ClientTlsContext::OnVerify(int is_sound, X509_STORE_CTX* chain) {
  if (is_sound == 1) return 1;
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const self =
      reinterpret_cast<ClientTlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self->refusal_ = X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain));
  return 0;
}

}  // namespace pannier::http
