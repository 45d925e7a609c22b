// The part of a connection's life that TLS adds: see server_impl.h. Whoever calls these owns the
// connection.
#include <sys/socket.h>

#include "lib/core/log.h"
#include "lib/http/server_impl.h"

namespace pannier::http {

namespace {

constexpr Fault kPlainHttp{400, "This port speaks TLS: use https"};
constexpr Fault kForbiddenName{403, "The client's certificate has no name that may come in here"};

void LogFailure(const std::string& server, const Peer& peer, const std::string& reason) {
  static LogLimiter limiter(std::chrono::seconds(10));
  if (int64_t held_back = 0; limiter.Allow(&held_back)) {
    LogWarn("a client was refused at the TLS handshake")
        .Add("server", server)
        .Add("peer", peer.address)
        .Add("reason", reason)
        .Add("held_back", held_back);
  }
}

}  // namespace

// False when there is no certificate yet: the connection is closed then.
bool Server::Impl::BeginHandshake(Worker& worker, Connection& connection, TlsServer& tls) {
  connection.tls = tls.Accept(connection.socket.get());
  if (!connection.tls) {
    worker.counters->refused_connections.Add(1);
    LogFailure(options_.name, connection.peer, "there is no certificate yet");
    Close(connection);
    return false;
  }
  connection.phase = Connection::Phase::kHandshake;
  connection.request_began_ms = poller_->NowMs();
  return true;
}

Server::Impl::Next Server::Impl::Handshake(Worker& worker, Connection& connection) {
  switch (connection.tls->Handshake()) {
    case TlsSession::Progress::kDone:
      return AfterHandshake(worker, connection);
    case TlsSession::Progress::kAwaitsInput:
      connection.read_to_end = false;
      return Next::kPark;
    case TlsSession::Progress::kAwaitsRoom:
      poller_->WatchOutput(connection.socket.get(), connection.reference(), true);
      return Next::kPark;
    case TlsSession::Progress::kPlainHttp:
      connection.tls.reset();
      return Refuse(worker, connection, kPlainHttp, true);
    default:
      break;
  }
  worker.counters->refused_connections.Add(1);
  LogFailure(options_.name, connection.peer, connection.tls->reason());
  return BeginDrain(connection);  // or the alert that tells the client would be lost
}

Server::Impl::Next Server::Impl::AfterHandshake(Worker& worker, Connection& connection) {
  connection.phase = Connection::Phase::kIdle;
  connection.drained = false;
  if (connection.tls->Introduce(&connection.peer)) return Next::kAgain;
  LogFailure(options_.name, connection.peer,
             "its certificate is of " + connection.peer.certificate_name);
  return Refuse(worker, connection, kForbiddenName, true);
}

// As recv into the connection's buffer.
ssize_t Server::Impl::ReceiveSome(Connection& connection) {
  Buffer& input = connection.input;
  if (!connection.tls) {
    return recv(connection.socket.get(), input.end(), input.room(), MSG_DONTWAIT);
  }
  const ssize_t bytes = connection.tls->Read(input.end(), input.room());
  if (bytes < 0 && connection.tls->awaits_room()) {
    poller_->WatchOutput(connection.socket.get(), connection.reference(), true);
  }
  return bytes;
}

}  // namespace pannier::http
