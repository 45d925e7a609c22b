#include "tests/lib/http/raw_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace pannier::test {

namespace {

constexpr int kPatienceMs = 10'000;
constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kHttp = "http://";

// Thrown, so that it may be used from threads: Catch2's assertions may not.
void Must(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("the test needs " + what);
}

int ConnectTo(int socket, const std::string& address) {
  if (address.starts_with(kUnix)) {
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    std::strncpy(place.sun_path, address.c_str() + kUnix.size(), sizeof place.sun_path - 1);
    return connect(socket, reinterpret_cast<const sockaddr*>(&place), sizeof place);
  }
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(kHttp.size(), colon - kHttp.size());
  const auto port = static_cast<uint16_t>(std::stoi(address.substr(colon + 1)));
  if (host == "[::1]") {
    sockaddr_in6 place{};
    place.sin6_family = AF_INET6;
    place.sin6_port = htons(port);
    place.sin6_addr = in6addr_loopback;
    return connect(socket, reinterpret_cast<const sockaddr*>(&place), sizeof place);
  }
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(port);
  inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &place.sin_addr);
  return connect(socket, reinterpret_cast<const sockaddr*>(&place), sizeof place);
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

RawAnswer ParseHead(std::string_view head) {
  RawAnswer answer;
  Must(head.starts_with("HTTP/1.1 "), "a status line");
  answer.status = std::stoi(std::string(head.substr(9, 3)));
  head.remove_prefix(head.find("\r\n") + 2);
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const size_t colon = line.find(": ");
    Must(colon != std::string_view::npos, "a colon");
    const std::string name = LowerCase(std::string(line.substr(0, colon)));
    Must(answer.headers.count(name) == 0, "one header " + name);
    answer.headers[name] = line.substr(colon + 2);
    head.remove_prefix(line.size() + 2);
  }
  return answer;
}

}  // namespace

RawClient::RawClient(file::Descriptor socket, const std::string& address)
    : socket_(std::move(socket)) {
  Must(ConnectTo(socket_.get(), address) == 0, "connect to " + address);
}

file::Descriptor RawClient::MakeSocket(const std::string& address) {
  const int family = address.starts_with(kUnix)        ? AF_UNIX
                     : address.starts_with("http://[") ? AF_INET6
                                                       : AF_INET;
  return file::Descriptor(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

bool RawClient::CanConnect(const std::string& address) {
  const file::Descriptor probe = MakeSocket(address);
  return ConnectTo(probe.get(), address) == 0;
}

bool RawClient::TrySend(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd state{socket_.get(), POLLOUT, 0};
    Must(poll(&state, 1, kPatienceMs) == 1, "the server within ten seconds");
    const ssize_t sent =
        send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void RawClient::Send(std::string_view bytes) { Must(TrySend(bytes), "an open connection"); }

void RawClient::FinishSending() { Must(shutdown(socket_.get(), SHUT_WR) == 0, "a half-close"); }

void RawClient::Reset() {
  const linger at_once{1, 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  Close();
}

bool RawClient::More() {
  pollfd state{socket_.get(), POLLIN, 0};
  Must(poll(&state, 1, kPatienceMs) == 1, "the server within ten seconds");
  char bytes[65536];
  const ssize_t count = recv(socket_.get(), bytes, sizeof bytes, 0);
  if (count <= 0) return false;
  received_.append(bytes, static_cast<size_t>(count));
  return true;
}

std::string RawClient::ReadBytes(size_t count) {
  while (received_.size() < count) Must(More(), "more bytes");
  const std::string bytes = received_.substr(0, count);
  received_.erase(0, count);
  return bytes;
}

RawAnswer RawClient::Read(bool to_head) {
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) Must(More(), "more bytes");
  RawAnswer answer = ParseHead(std::string_view(received_).substr(0, end + 2));
  received_.erase(0, end + 4);
  const auto length = answer.headers.find("content-length");
  if (!to_head && length != answer.headers.end()) {
    answer.body = ReadBytes(std::stoul(length->second));
  }
  return answer;
}

bool RawClient::AtEnd() { return received_.empty() && !More(); }

size_t RawClient::ReadToEnd() {
  size_t bytes = received_.size();
  received_.clear();
  while (More()) {
    bytes += received_.size();
    received_.clear();
  }
  return bytes;
}

bool RawClient::HasInput() const {
  pollfd state{socket_.get(), POLLIN, 0};
  return !received_.empty() || poll(&state, 1, 0) == 1;
}

bool Await(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void Gate::Pass() {
  MutexLock lock(mutex_);
  ++waiting_;
  while (!open_) changed_.WaitFor(mutex_, std::chrono::seconds(1));
  --waiting_;
}

void Gate::Open() {
  MutexLock lock(mutex_);
  open_ = true;
  changed_.NotifyAll();
}

int Gate::waiting() const {
  MutexLock lock(mutex_);
  return waiting_;
}

int ThreadsOfThisProcess() {
  int threads = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/self/task")) {
    ++threads;
  }
  return threads;
}

}  // namespace pannier::test
