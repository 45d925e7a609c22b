#include "tests/support/fault_proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <list>
#include <optional>
#include <thread>

#include "lib/core/check.h"
#include "lib/core/mutex.h"
#include "lib/file/descriptor.h"

namespace pannier::test {
namespace {

using file::Descriptor;
using Request = FaultProxy::Request;

constexpr int kPollMs = 20;  // how soon a connection notices that the proxy ends

// One direction of bytes that stops when the proxy does.
class Stream {
 public:
  Stream(Descriptor socket, const std::atomic<bool>& stop)
      : socket_(std::move(socket)), stop_(stop) {}

  // Up to and with `end`; nothing when the peer closed or the proxy ends.
  std::optional<std::string> ReadUntil(std::string_view end) {
    size_t at = 0;
    while ((at = buffer_.find(end)) == std::string::npos) {
      if (!Fill()) return std::nullopt;
    }
    return Take(at + end.size());
  }
  std::optional<std::string> ReadBytes(size_t size) {
    while (buffer_.size() < size) {
      if (!Fill()) return std::nullopt;
    }
    return Take(size);
  }
  std::string ReadAll() {
    while (Fill()) continue;
    return Take(buffer_.size());
  }
  // What there is, at least a byte; nothing at the end.
  std::string ReadSome() {
    if (buffer_.empty()) Fill();
    return Take(buffer_.size());
  }
  // Until the peer closes or the proxy ends.
  void AwaitEnd() {
    while (Fill()) buffer_.clear();
  }
  bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }
  void Reset() {
    const linger hard{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    socket_ = Descriptor();
  }

 private:
  std::string Take(size_t size) {
    std::string taken = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return taken;
  }
  bool Fill() {
    while (!stop_) {
      pollfd ready{socket_.get(), POLLIN, 0};
      if (::poll(&ready, 1, kPollMs) <= 0) continue;
      char bytes[64 << 10];
      const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      buffer_.append(bytes, static_cast<size_t>(got));
      return true;
    }
    return false;
  }

  Descriptor socket_;
  const std::atomic<bool>& stop_;
  std::string buffer_;
};

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// The value of a header in a head's lines.
std::string HeaderOf(const std::string& head, const std::string& name) {
  const std::string lower = Lower(head);
  const size_t at = lower.find("\r\n" + name + ":");
  if (at == std::string::npos) return "";
  const size_t begin = head.find_first_not_of(' ', at + name.size() + 3);
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

std::string WithoutHeader(std::string head, const std::string& name) {
  const size_t at = Lower(head).find("\r\n" + name + ":");
  if (at == std::string::npos) return head;
  return head.erase(at, head.find("\r\n", at + 2) - at);
}

std::string Answer(const std::string& status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string XmlError(const std::string& status, const std::string& code, const std::string& text,
                     const std::string& headers = "") {
  return Answer(status, "Content-Type: application/xml\r\n" + headers,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code +
                    "</Code><Message>" + text + "</Message></Error>");
}

// What the proxy says by itself; nothing where it asks the server.
std::optional<std::string> OwnAnswer(Fault fault) {
  switch (fault) {
    case Fault::kStatus500:
      return XmlError("500 Internal Server Error", "InternalError", "We met an internal error");
    case Fault::kSlowDown:
      return XmlError("503 Slow Down", "SlowDown", "Reduce your rate", "Retry-After: 2\r\n");
    case Fault::kErrorBody:
      return XmlError("200 OK", "InternalError", "We met an internal error");
    case Fault::kSkewed:
      return XmlError("403 Forbidden", "RequestTimeTooSkewed", "The difference is too large");
    case Fault::kExpired:
      return XmlError("403 Forbidden", "AccessDenied", "Request has expired");
    case Fault::kNoBucket:
      return XmlError("404 Not Found", "NoSuchBucket", "The bucket does not exist");
    case Fault::kLostPage:
      return Answer("404 Not Found", "Content-Type: text/html\r\n", "<html>no such page</html>");
    case Fault::kTooMany:
      return Answer("429 Too Many Requests", "Content-Type: text/plain\r\nRetry-After: 1\r\n",
                    "Too many requests, please try again later.");
    case Fault::kHtml:
      return Answer("502 Bad Gateway", "Content-Type: text/html\r\n", "<html><hr>oops</html>");
    default:
      return std::nullopt;
  }
}

Descriptor ConnectTo(const std::string& upstream) {
  if (upstream.starts_with("/")) {
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(upstream.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, upstream.c_str(), upstream.size() + 1);
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return Descriptor();
    return socket;
  }
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  address.sin_port =
      ::htons(static_cast<uint16_t>(std::atoi(upstream.c_str() + upstream.rfind(':') + 1)));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return Descriptor();
  return socket;
}

Descriptor Listen(int* port) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  CHECK(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  CHECK(::listen(socket.get(), 128) == 0);
  CHECK(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  *port = ::ntohs(address.sin_port);
  return socket;
}

}  // namespace

std::string_view ToString(Fault fault) {
  static constexpr std::string_view kNames[] = {"none",
                                                "500",
                                                "503 SlowDown",
                                                "silence",
                                                "reset in the request",
                                                "200 with an error",
                                                "403 skewed",
                                                "403 expired",
                                                "no bucket",
                                                "502 with HTML",
                                                "404 with HTML",
                                                "429",
                                                "reset in the answer",
                                                "truncated",
                                                "wrong ETag",
                                                "damaged",
                                                "dropped answer",
                                                "cut",
                                                "stalled"};
  return kNames[static_cast<size_t>(fault)];
}

const std::vector<Fault>& PassingFaults() {
  static const std::vector<Fault> kFaults = {
      Fault::kStatus500, Fault::kSlowDown, Fault::kSilence,    Fault::kResetRequest,
      Fault::kErrorBody, Fault::kHtml,     Fault::kResetReply, Fault::kTruncate,
      Fault::kWrongEtag, Fault::kDamage,   Fault::kDropReply};
  return kFaults;
}

class FaultProxy::Impl {
 public:
  explicit Impl(std::string upstream) : upstream_(std::move(upstream)), listening_(Listen(&port_)) {
    accepting_ = std::thread([this] { Accept(); });
  }
  ~Impl() {
    stop_ = true;
    accepting_.join();
    for (std::thread& each : serving_) each.join();
  }

  void Choose(std::function<Fault(const Request&, int)> choose) {
    MutexLock lock(mutex_);
    choose_ = std::move(choose);
    number_ = 0;
  }
  void Reset() {
    MutexLock lock(mutex_);
    requests_.clear();
    spoiled_ = connections_ = number_ = 0;
  }
  std::vector<std::string> requests() const {
    MutexLock lock(mutex_);
    return requests_;
  }
  int spoiled() const {
    MutexLock lock(mutex_);
    return spoiled_;
  }
  int connections() const {
    MutexLock lock(mutex_);
    return connections_;
  }
  int port() const { return port_; }

 private:
  void Accept() {
    while (!stop_) {
      pollfd ready{listening_.get(), POLLIN, 0};
      if (::poll(&ready, 1, kPollMs) <= 0) continue;
      Descriptor socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) continue;
      const int one = 1;  // else the second write of an answer waits for an acknowledgement
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      {
        MutexLock lock(mutex_);
        ++connections_;
      }
      auto client = std::make_shared<Stream>(std::move(socket), stop_);
      serving_.emplace_back([this, client] {
        while (Serve(*client)) continue;
      });
    }
  }

  Fault Decide(const Request& request) {
    MutexLock lock(mutex_);
    requests_.push_back(request.method + " " + request.target);
    const Fault fault = choose_ ? choose_(request, ++number_) : Fault::kNone;
    spoiled_ += fault != Fault::kNone ? 1 : 0;
    return fault;
  }

  // One request; whether another may follow on the connection.
  bool Serve(Stream& client) {
    const std::optional<std::string> head = client.ReadUntil("\r\n\r\n");
    if (!head) return false;
    Request request;
    request.method = head->substr(0, head->find(' '));
    const size_t target = request.method.size() + 1;
    request.target = head->substr(target, head->find(' ', target) - target);
    request.headers = *head;
    const size_t length = std::strtoull(HeaderOf(*head, "content-length").c_str(), nullptr, 10);
    const Fault fault = Decide(request);
    if (fault == Fault::kResetRequest) {
      client.ReadBytes(length / 2);
      client.Reset();
      return false;
    }
    std::optional<std::string> body = client.ReadBytes(length);
    if (!body) return false;
    request.body = std::move(*body);
    if (fault == Fault::kSilence) {
      client.AwaitEnd();
      return false;
    }
    if (const auto own = OwnAnswer(fault)) return client.Write(*own);
    return Forward(client, request, fault);
  }

  bool Forward(Stream& client, const Request& request, Fault fault) {
    Stream server(ConnectTo(upstream_), stop_);
    const std::string head = WithoutHeader(request.headers, "connection");
    const std::string last = head.substr(0, head.size() - 2) + "Connection: close\r\n\r\n";
    if (!server.Write(last + request.body)) return false;
    if (request.target.find("watch=true") != std::string::npos) return Relay(client, server, fault);
    std::optional<std::string> answer_head = server.ReadUntil("\r\n\r\n");
    if (!answer_head) return false;
    std::string answer = WithoutHeader(*answer_head, "connection");
    const std::string body = server.ReadAll();
    if (HeaderOf(answer, "content-length").empty() && request.method != "HEAD") {
      answer.insert(answer.size() - 2, "Content-Length: " + std::to_string(body.size()) + "\r\n");
    }
    return Deliver(client, std::move(answer), body, fault);
  }

  // An answer without end, piece by piece; the connection ends with it.
  static bool Relay(Stream& client, Stream& server, Fault fault) {
    const std::optional<std::string> head = server.ReadUntil("\r\n\r\n");
    if (!head || fault == Fault::kDropReply || !client.Write(*head)) return false;
    while (true) {
      const std::string piece = server.ReadSome();
      if (piece.empty()) return false;
      if (fault == Fault::kNone) {
        if (!client.Write(piece)) return false;
        continue;
      }
      client.Write(piece.substr(0, piece.size() / 2));
      if (fault == Fault::kStall) client.AwaitEnd();
      if (fault == Fault::kResetReply) client.Reset();
      return false;
    }
  }

  bool Deliver(Stream& client, std::string head, std::string body, Fault fault) {
    switch (fault) {
      case Fault::kDropReply:
        return false;
      case Fault::kResetReply:
        client.Write(head.substr(0, head.size() / 2));
        client.Reset();
        return false;
      case Fault::kTruncate:
        // Of an answer without a body, half of the head.
        if (body.empty()) head.resize(head.size() / 2);
        client.Write(head + body.substr(0, body.size() / 2));
        return false;
      case Fault::kWrongEtag:
        head = WithoutHeader(head, "etag");
        head.insert(head.size() - 2, "ETag: \"0123456789abcdef0123456789abcdef\"\r\n");
        break;
      case Fault::kDamage:
        if (!body.empty()) body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 4);
        break;
      default:
        break;
    }
    return client.Write(head + body);
  }

  const std::string upstream_;
  int port_ = 0;
  const Descriptor listening_;
  std::atomic<bool> stop_{false};
  mutable Mutex mutex_;
  std::function<Fault(const Request&, int)> choose_ GUARDED_BY(mutex_);
  int number_ GUARDED_BY(mutex_) = 0;
  std::vector<std::string> requests_ GUARDED_BY(mutex_);
  int spoiled_ GUARDED_BY(mutex_) = 0;
  int connections_ GUARDED_BY(mutex_) = 0;
  std::list<std::thread> serving_;  // of the accepting thread, until it ended
  std::thread accepting_;
};

FaultProxy::FaultProxy(std::string upstream) : impl_(std::make_unique<Impl>(std::move(upstream))) {}
FaultProxy::~FaultProxy() = default;

std::string FaultProxy::endpoint() const { return "http://127.0.0.1:" + std::to_string(port()); }
int FaultProxy::port() const { return impl_->port(); }

void FaultProxy::Spoil(Fault fault, int n, int count, Matches matches) {
  impl_->Choose([=, seen = 0](const Request& request, int) mutable {
    if (matches && !matches(request)) return Fault::kNone;
    ++seen;
    return seen >= n && seen < n + count ? fault : Fault::kNone;
  });
}
void FaultProxy::SpoilBy(std::function<Fault(const Request&, int number)> choose) {
  impl_->Choose(std::move(choose));
}
void FaultProxy::Heal() { impl_->Choose(nullptr); }
std::vector<std::string> FaultProxy::requests() const { return impl_->requests(); }
int FaultProxy::spoiled() const { return impl_->spoiled(); }
int FaultProxy::connections() const { return impl_->connections(); }
void FaultProxy::Reset() { impl_->Reset(); }

}  // namespace pannier::test
