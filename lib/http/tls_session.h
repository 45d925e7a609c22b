// One end of a TLS connection over a non-blocking socket, for the event loop of Server: its calls
// return at once, like recv and send do. Threads: one at a time, the connection's owner.
// Lifetime: socket and TlsServer outlive it.
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "lib/http/httplib_adapter.h"
#include "lib/http/message.h"

namespace pannier::http {

class TlsServer;

struct FreeSsl {
  void operator()(SSL* session) const { SSL_free(session); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

class TlsSession {
 public:
  enum class Progress {
    kDone,
    kAwaitsInput,
    kAwaitsRoom,  // to send
    kPlainHttp,   // the client speaks HTTP without TLS
    kFailed,      // reason() says why
  };

  TlsSession(std::unique_ptr<SSL, FreeSsl> ssl, const TlsServer& server)
      : ssl_(std::move(ssl)), server_(server) {}
  ~TlsSession() { SayClosing(); }
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // The next step of the handshake.
  Progress Handshake();
  // After it: tells `peer` who the client's certificate says it is. False when such a one may not
  // come in.
  bool Introduce(Peer* peer);

  // As recv: 0 at the end, -1 with EAGAIN in errno when there is nothing now, or another errno.
  ssize_t Read(char* into, size_t room);
  // Sends what there is room for of `answer` behind `sent`: 0 for "not now", negative for "never".
  ssize_t Write(const Answer& answer, size_t sent);
  // Tells the client, if it can be told at once, that nothing more comes.
  void SayClosing();

  // Whether the last call needs room to send before it can go on.
  bool awaits_room() const { return awaits_room_; }
  const std::string& reason() const { return reason_; }

 private:
  Progress After(int result);

  const std::unique_ptr<SSL, FreeSsl> ssl_;
  const TlsServer& server_;
  bool established_ = false;
  bool broken_ = false;
  bool awaits_room_ = false;
  std::string reason_;
};

}  // namespace pannier::http
