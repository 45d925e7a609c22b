#include "tests/bench/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pannier::bench {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kHttp = "http://";

file::Descriptor ConnectUnix(const std::string& path) {
  file::Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) Fail("socket path too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    Fail("connect to " + path + ": " + std::strerror(errno));
  }
  return fd;
}

file::Descriptor ConnectTcp(const std::string& host_port) {
  const size_t colon = host_port.rfind(':');
  if (colon == std::string::npos) Fail("no port in " + host_port);
  file::Descriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(host_port.c_str() + colon + 1)));
  if (inet_pton(AF_INET, host_port.substr(0, colon).c_str(), &address.sin_addr) != 1 ||
      connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    Fail("connect to " + host_port + ": " + std::strerror(errno));
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// The value of content-length in a head, whose names may be of any case.
size_t LengthOf(std::string_view head) {
  constexpr std::string_view kName = "content-length:";
  for (size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, kName.size());
    if (strncasecmp(line.data(), kName.data(), kName.size()) != 0) continue;
    size_t begin = at + 2 + kName.size();
    while (head[begin] == ' ') ++begin;
    size_t length = 0;
    std::from_chars(head.data() + begin, head.data() + head.size(), length);
    return length;
  }
  Fail("an answer without content-length: " + std::string(head));
}

}  // namespace

void Fail(const std::string& what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(1);
}

Connection::Connection(const std::string& address) {
  if (address.starts_with(kUnix)) {
    socket_ = ConnectUnix(address.substr(kUnix.size()));
  } else if (address.starts_with(kHttp)) {
    socket_ = ConnectTcp(address.substr(kHttp.size()));
  } else {
    Fail("no address: " + address);
  }
}

void Connection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) Fail(std::string("send: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void Connection::ReceiveSome() {
  thread_local char buffer[256 << 10];
  const ssize_t bytes = recv(socket_.get(), buffer, sizeof buffer, 0);
  if (bytes <= 0) Fail("the server closed the connection");
  received_.append(buffer, static_cast<size_t>(bytes));
}

int Connection::Exchange(std::string_view request) {
  Send(request);
  received_.clear();
  size_t end = std::string::npos;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) ReceiveSome();
  head_bytes_ = end + 4;
  const size_t length = LengthOf(std::string_view(received_).substr(0, end + 2));
  while (received_.size() < head_bytes_ + length) ReceiveSome();
  return std::atoi(received_.c_str() + 9);
}

std::string Connection::Prepare(std::string_view method, std::string_view path,
                                std::string_view body) {
  std::string bytes;
  bytes.append(method).append(" ").append(path);
  bytes.append(" HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\naccept-encoding: gzip, deflate\r\n");
  bytes.append("user-agent: pannier_bench\r\nconnection: keep-alive\r\n");
  if (!body.empty()) {
    bytes.append("content-type: application/json\r\ncontent-length: ");
    bytes.append(std::to_string(body.size())).append("\r\n");
  }
  bytes.append("\r\n").append(body);
  return bytes;
}

}  // namespace pannier::bench
