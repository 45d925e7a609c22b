// TLS for listeners: which certificate is shown, whose certificates are asked for, and who of those
// may come in.
//
// TLS 1.2 and newer, HTTP/1.1. No session is resumed: each connection proves itself anew, so that a
// certificate or an authority that was taken away counts at once. No renegotiation, no compression.
// Open connections keep what they began with; new ones meet what Use() was given last.
//
// Threads: any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::http {

class TlsSession;

// PEM, as files and Secrets hold it.
struct TlsMaterial {
  std::string certificate_pem;  // the server's own first, then what signed it
  std::string key_pem;
  std::string client_ca_pem;  // who signs the certificates of clients
  bool operator==(const TlsMaterial&) const = default;
};

enum class ClientCertificates {
  kNone,      // not asked for
  kOptional,  // checked where one is shown: a wrong one ends the connection
  kRequired,  // none: no connection
};

class TlsServer {
 public:
  struct Options {
    ClientCertificates clients = ClientCertificates::kNone;
    // A client's certificate must have one of these as DNS or URI name or, having neither, as
    // common name; others get 403 and are closed. Empty: whoever the authority signed.
    std::vector<std::string> allowed_names;
    // Asked at each connection, and for metrics, for new material; nothing: what there is stays. It
    // must be quick.
    std::function<std::optional<TlsMaterial>()> refresh;
  };
  explicit TlsServer(Options options);
  ~TlsServer();

  // From now on new connections meet this.
  //   kInvalidArgument  it cannot be read, the key is another certificate's, or the authority that
  //                     `clients` needs is missing; what was in use stays
  Status Use(const TlsMaterial& material);
  // Whether there is a certificate. Until then connections are closed as they come.
  bool IsReady() const;
  // When the certificate that a connection would meet now is over; nothing while there is none.
  std::optional<WallTime> ValidUntil();

  // The server's end of a connection; null while there is no certificate.
  std::unique_ptr<TlsSession> Accept(int socket);
  // Whether a certificate with these names may come in.
  bool Allows(const std::string& certificate_pem) const;

 private:
  struct Context;

  void Refresh();

  const Options options_;
  mutable Mutex mutex_;
  std::shared_ptr<Context> context_ GUARDED_BY(mutex_);
};

}  // namespace pannier::http
