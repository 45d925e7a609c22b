#include "lib/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "lib/core/check.h"
#include "lib/core/log.h"
#include "lib/crypto/certificate.h"
#include "lib/http/tls_context.h"
#include "lib/http/tls_session.h"

namespace pannier::http {

namespace {

constexpr long kClientChainBytesMax = 32 << 10;
constexpr std::string_view kHttp11 = "\x08http/1.1";

// Clients that offer several protocols are told which it is; those that offer only others go on
// without, as if they had not asked.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  const auto* const ours = reinterpret_cast<const unsigned char*>(kHttp11.data());
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(
      &found, size, ours, static_cast<unsigned int>(kHttp11.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

void SetModes(SSL_CTX* context) {
  RequireModernTls(context);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // Partial: like send(). Moving: what is left to send is gathered anew. Release: an idle
  // connection holds no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context, kClientChainBytesMax);
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);
}

int VerifyModeOf(ClientCertificates clients) {
  if (clients == ClientCertificates::kNone) return SSL_VERIFY_NONE;
  if (clients == ClientCertificates::kOptional) return SSL_VERIFY_PEER;
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

}  // namespace

struct TlsServer::Context {
  std::unique_ptr<SSL_CTX, FreeSsl> ssl{SSL_CTX_new(TLS_server_method())};
  WallTime valid_until;
};

TlsServer::TlsServer(Options options) : options_(std::move(options)) {}
TlsServer::~TlsServer() = default;

Status TlsServer::Use(const TlsMaterial& material) {
  auto context = std::make_shared<Context>();
  CHECK(context->ssl != nullptr);
  SetModes(context->ssl.get());
  TRY(ShowCertificate(context->ssl.get(), material.certificate_pem, material.key_pem));
  context->valid_until = TRY(crypto::ReadCertificate(material.certificate_pem)).validity.until;
  if (options_.clients != ClientCertificates::kNone) {
    TRY(TrustAuthorities(context->ssl.get(), material.client_ca_pem).Context("client CA"));
    SSL_CTX_set_verify(context->ssl.get(), VerifyModeOf(options_.clients), nullptr);
  }
  MutexLock lock(mutex_);
  context_.swap(context);
  return {};
}

bool TlsServer::IsReady() const {
  MutexLock lock(mutex_);
  return context_ != nullptr;
}

std::optional<WallTime> TlsServer::ValidUntil() {
  // A renewal counts at once, also where nobody connects.
  Refresh();
  MutexLock lock(mutex_);
  return context_ ? std::optional(context_->valid_until) : std::nullopt;
}

void TlsServer::Refresh() {
  if (!options_.refresh) return;
  const std::optional<TlsMaterial> fresh = options_.refresh();
  if (!fresh) return;
  const Status used = Use(*fresh);
  if (!used.ok()) {
    LogWarn("the new certificate is wrong; the one before stays").Add("error", used.error().what);
  }
}

std::unique_ptr<TlsSession> TlsServer::Accept(int socket) {
  Refresh();
  std::shared_ptr<Context> context;
  {
    MutexLock lock(mutex_);
    context = context_;
  }
  if (!context) return nullptr;
  std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(context->ssl.get()));
  CHECK(ssl && SSL_set_fd(ssl.get(), socket) == 1);
  SSL_set_accept_state(ssl.get());
  return std::make_unique<TlsSession>(std::move(ssl), *this);
}

bool TlsServer::Allows(const std::string& certificate_pem) const {
  if (options_.allowed_names.empty()) return true;
  const Result<crypto::CertificateFacts> facts = crypto::ReadCertificate(certificate_pem);
  if (!facts.ok()) return false;
  const auto& allowed = options_.allowed_names;
  const auto is_allowed = [&](const std::string& name) {
    return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
  };
  if (facts->dns_names.empty() && facts->uris.empty()) return is_allowed(facts->common_name);
  return std::any_of(facts->dns_names.begin(), facts->dns_names.end(), is_allowed) ||
         std::any_of(facts->uris.begin(), facts->uris.end(), is_allowed);
}

}  // namespace pannier::http
