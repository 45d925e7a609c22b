#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "lib/http/listener.h"

namespace pannier::http {

namespace {

constexpr int kBacklog = 4096;

// One numeric address of either family.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

bool MakeEndpoint(const std::string& host, uint16_t port, Endpoint* endpoint) {
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&endpoint->storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&endpoint->storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    endpoint->size = sizeof *v4;
    return true;
  }
  endpoint->storage = {};
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    endpoint->size = sizeof *v6;
    return true;
  }
  return false;
}

struct HostPort {
  std::string host;
  uint16_t port = 0;
};

Result<HostPort> Split(const std::string& address) {
  const Error bad = InvalidArgument("\"" + address + "\" is no address to listen on",
                                    "write 127.0.0.1:8000, [::1]:8000 or localhost:8000");
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return bad;
  HostPort parts;
  parts.host = address.substr(0, colon);
  const bool in_brackets =
      parts.host.size() > 2 && parts.host.front() == '[' && parts.host.back() == ']';
  if (in_brackets) parts.host = parts.host.substr(1, parts.host.size() - 2);
  if (!in_brackets && parts.host.find(':') != std::string::npos) return bad;
  const char* const end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + colon + 1, end, parts.port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return bad;
  Endpoint unused;
  if (parts.host != "localhost" && !MakeEndpoint(parts.host, 0, &unused)) return bad;
  return parts;
}

Error BindError(const std::string& address) {
  if (errno == EADDRINUSE) {
    return Conflict("listen on " + address + ": another process serves there",
                    "stop it, or choose another port");
  }
  Error error = FromErrno(errno, "listen on " + address);
  if (errno == EACCES) error.hint = "choose a port above 1023";
  if (errno == EADDRNOTAVAIL) error.hint = "this machine has no such address";
  return error;
}

// errno tells why when there is none.
file::Descriptor BindOne(const Endpoint& endpoint) {
  file::Descriptor socket(
      ::socket(endpoint.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return {};
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (endpoint.storage.ss_family == AF_INET6) {
    setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (bind(socket.get(), endpoint.get(), endpoint.size) != 0) return {};
  if (listen(socket.get(), kBacklog) != 0) return {};
  return socket;
}

uint16_t PortOf(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size);
  return ntohs(storage.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&storage)->sin_port
                                            : reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
}

Result<TcpListener> BindNumber(const std::string& address, const HostPort& parts) {
  Endpoint endpoint;
  MakeEndpoint(parts.host, parts.port, &endpoint);
  TcpListener listener;
  listener.sockets.push_back(BindOne(endpoint));
  if (!listener.sockets[0]) return BindError(address);
  const bool is_v6 = endpoint.storage.ss_family == AF_INET6;
  listener.address = (is_v6 ? "[" + parts.host + "]" : parts.host) + ":" +
                     std::to_string(PortOf(listener.sockets[0].get()));
  return listener;
}

// A port that the kernel chose for one family may be taken in the other: then choose again.
Result<TcpListener> BindLocalhost(const std::string& address, uint16_t wanted) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    TcpListener listener = TRY(BindNumber(address, HostPort{"127.0.0.1", wanted}));
    const uint16_t port = PortOf(listener.sockets[0].get());
    Endpoint v6;
    MakeEndpoint("::1", port, &v6);
    file::Descriptor second = BindOne(v6);
    if (!second && errno == EADDRINUSE) {
      if (wanted != 0) return BindError(address);
      continue;
    }
    if (second) listener.sockets.push_back(std::move(second));
    listener.address = "localhost:" + std::to_string(port);
    return listener;
  }
  return Conflict("listen on " + address + ": no port is free for both families");
}

std::string Numeric(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

}  // namespace

Result<TcpListener> TcpListener::Bind(const std::string& address) {
  const HostPort parts = TRY(Split(address));
  return parts.host == "localhost" ? BindLocalhost(address, parts.port)
                                   : BindNumber(address, parts);
}

Peer PeerOf(int descriptor, bool is_unix) {
  Peer peer;
  peer.is_unix = is_unix;
  if (is_unix) {
    ucred who{};
    socklen_t size = sizeof who;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
      peer.pid = who.pid;
      peer.uid = who.uid;
      peer.gid = who.gid;
    }
    return peer;
  }
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
    peer.address = Numeric(storage);
  }
  return peer;
}

}  // namespace pannier::http
