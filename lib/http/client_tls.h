// Gives cpp-httplib's TLS client our rules: only the authorities it was told (cpp-httplib would add
// the system's), the name checked by OpenSSL (cpp-httplib knows no IP addresses), PEM from memory.
// Threads: one at a time; the context outlives its connections.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/http/client.h"

namespace pannier::http {

class ClientTlsContext {
 public:
  // Prepares `context`, which belongs to a client of `host`. This object outlives it.
  //   kInvalidArgument  a PEM cannot be read, or the key is another certificate's
  Status Prepare(SSL_CTX* context, const ClientTls& tls, const std::string& host);
  // Before each call of the client: forgets what was before. From `deadline` on nothing is read or
  // written any more, so that a server which sends a byte now and then holds nobody.
  void Begin(SteadyTime deadline);
  // Why the server's certificate was refused since the last call; "" when it was not.
  std::string TakeRefusal();
  // Why the server ended the connection; "" when it said nothing. With TLS 1.3 it refuses a
  // client's certificate after the handshake.
  std::string TakeAlert();

 private:
  static int OnVerify(int is_sound, X509_STORE_CTX* chain);
  static void OnInfo(const SSL* ssl, int where, int alert);
  static long OnTransfer(BIO* socket, int operation, const char*, size_t, int, long, int returned,
                         size_t*);
  std::string refusal_;
  std::string alert_;
  SteadyTime deadline_ = SteadyTime::max();
};

}  // namespace pannier::http
