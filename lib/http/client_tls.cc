#include "lib/http/client_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <utility>

#include "lib/core/check.h"
#include "lib/http/tls_context.h"

namespace pannier::http {
namespace {

Status Trust(SSL_CTX* context, const std::string& ca_pem) {
  if (!ca_pem.empty()) return TrustAuthorities(context, ca_pem);
  CHECK(SSL_CTX_set_default_verify_paths(context) == 1);
  return {};
}

bool IsAddress(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

Status ClientTlsContext::Prepare(SSL_CTX* context, const ClientTls& tls, const std::string& host) {
  RequireModernTls(context);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  TRY(Trust(context, tls.ca_pem));
  if (!tls.certificate_pem.empty()) {
    TRY(ShowCertificate(context, tls.certificate_pem, tls.key_pem).Context("client"));
  }
  const std::string& name = tls.server_name.empty() ? host : tls.server_name;
  X509_VERIFY_PARAM* const wanted = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int is_set = IsAddress(name) ? X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str())
                                     : X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), 0);
  if (is_set != 1) return InvalidArgument("\"" + name + "\" is no name of a server");
  SSL_CTX_set_app_data(context, reinterpret_cast<char*>(this));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, OnVerify);
  SSL_CTX_set_info_callback(context, OnInfo);
  return {};
}

void ClientTlsContext::Begin(SteadyTime deadline) {
  deadline_ = deadline;
  refusal_.clear();
  alert_.clear();
  ERR_clear_error();
}

std::string ClientTlsContext::TakeAlert() { return std::exchange(alert_, {}); }

void ClientTlsContext::OnInfo(const SSL* ssl, int where, int alert) {
  if ((where & SSL_CB_HANDSHAKE_START) != 0) {
    BIO* const socket = SSL_get_rbio(ssl);
    BIO_set_callback_arg(socket, static_cast<char*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl))));
    BIO_set_callback_ex(socket, OnTransfer);
  }
  if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT || alert >> 8 != SSL3_AL_FATAL) return;
  auto* const self =
      reinterpret_cast<ClientTlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self->alert_ = SSL_alert_desc_string_long(alert);
}

// OpenSSL asks before each read and write of the socket: -1 is "no".
long ClientTlsContext::OnTransfer(BIO* socket, int operation, const char*, size_t, int, long,
                                  int returned, size_t*) {
  if (operation != BIO_CB_READ && operation != BIO_CB_WRITE) return returned;
  const auto* const self = reinterpret_cast<ClientTlsContext*>(BIO_get_callback_arg(socket));
  if (std::chrono::steady_clock::now() < self->deadline_) return returned;
  BIO_clear_retry_flags(socket);
  return -1;
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
