#include "lib/http/tls_session.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "lib/crypto/certificate.h"
#include "lib/crypto/pem.h"
#include "lib/http/tls.h"

namespace pannier::http {

namespace {

constexpr size_t kRecordBytes = 16 << 10;     // the most that one record holds
constexpr size_t kWriteBytesMax = 256 << 10;  // encrypted in a row

// The bytes of the answer from `at` on, head and body as one, as many as fit into a record: a small
// answer leaves in one piece. The same for the same `at`, as a repeated SSL_write needs it.
std::string_view Gather(const Answer& answer, size_t at, std::array<char, kRecordBytes>* into) {
  const size_t head_size = answer.head.size();
  if (at >= head_size) {
    const std::string_view body(answer.body);
    return body.substr(at - head_size, kRecordBytes);
  }
  const size_t from_head = std::min(head_size - at, into->size());
  const size_t from_body = std::min(answer.body.size(), into->size() - from_head);
  std::memcpy(into->data(), answer.head.data() + at, from_head);
  std::memcpy(into->data() + from_head, answer.body.data(), from_body);
  return {into->data(), from_head + from_body};
}

}  // namespace

TlsSession::Progress TlsSession::After(int result) {
  awaits_room_ = false;
  if (result > 0) return Progress::kDone;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return Progress::kAwaitsInput;
  if (error == SSL_ERROR_WANT_WRITE) {
    awaits_room_ = true;
    return Progress::kAwaitsRoom;
  }
  broken_ = true;
  const bool is_plain = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
  const long verified = SSL_get_verify_result(ssl_.get());
  const bool has_reason = ERR_peek_last_error() != 0;
  reason_ = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
            : has_reason          ? crypto::LastCryptoError()
                                  : "the client hung up";
  ERR_clear_error();
  return is_plain ? Progress::kPlainHttp : Progress::kFailed;
}

TlsSession::Progress TlsSession::Handshake() {
  ERR_clear_error();
  const Progress progress = After(SSL_do_handshake(ssl_.get()));
  established_ = progress == Progress::kDone;
  return progress;
}

bool TlsSession::Introduce(Peer* peer) {
  peer->is_encrypted = true;
  const crypto::X509Pointer certificate(SSL_get1_peer_certificate(ssl_.get()));
  if (!certificate) return true;  // where one is required, the handshake has failed without
  const std::string pem = crypto::ToPem(certificate.get());
  if (const auto facts = crypto::ReadCertificate(pem); facts.ok()) {
    peer->certificate_name = !facts->uris.empty()        ? facts->uris.front()
                             : !facts->dns_names.empty() ? facts->dns_names.front()
                                                         : facts->common_name;
  }
  return server_.Allows(pem);
}

ssize_t TlsSession::Read(char* into, size_t room) {
  ERR_clear_error();
  const int bytes = SSL_read(ssl_.get(), into, static_cast<int>(std::min(room, kWriteBytesMax)));
  switch (After(bytes)) {
    case Progress::kDone:
      return bytes;
    case Progress::kAwaitsInput:
    case Progress::kAwaitsRoom:
      errno = EAGAIN;
      return -1;
    default:
      return 0;
  }
}

ssize_t TlsSession::Write(const Answer& answer, size_t sent) {
  std::array<char, kRecordBytes> gathered;
  const size_t size = answer.head.size() + answer.body.size();
  size_t at = sent;
  while (at < size && at - sent < kWriteBytesMax) {
    const std::string_view piece = Gather(answer, at, &gathered);
    ERR_clear_error();
    const int bytes = SSL_write(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    const Progress progress = After(bytes);
    if (progress == Progress::kFailed || progress == Progress::kPlainHttp) return -1;
    if (progress != Progress::kDone) break;
    at += static_cast<size_t>(bytes);
  }
  return static_cast<ssize_t>(at - sent);
}

void TlsSession::SayClosing() {
  if (!established_ || broken_) return;
  established_ = false;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace pannier::http
