// A small blocking HTTP client over cpp-httplib: for pannierctl, health checks, tests, the load
// generator, and the operator. Threads: one at a time per Client, but for Stop(). Keeps its
// connection alive between calls and reconnects when it was closed idle. The first one of https
// makes the process ignore SIGPIPE.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/http/message.h"

namespace pannier::http {

// Of "https://…" addresses; all PEM.
struct ClientTls {
  std::string ca_pem;           // who may have signed the server's certificate
  std::string certificate_pem;  // shown when the server asks; empty: none
  std::string key_pem;
  // What the server's certificate must be made out to (a DNS name, or an IP address); empty: the
  // address dialled. So a pod is dialled by its IP and known by its name.
  std::string server_name;
};

class Client {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{60'000};  // for each read and write
    // Of a whole call of Send(), 0: none. Looked at with whatever comes over TLS, elsewhere as the
    // body comes.
    std::chrono::milliseconds whole_timeout{0};
    uint64_t response_bytes_max = 1ull << 30;
    ClientTls tls;
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // `address`: "unix:/run/pannier/pannier.sock", "http://127.0.0.1:8000" or "https://…".
  //   kInvalidArgument  it is none of them, or Options::tls cannot be used
  static Result<Client> Make(std::string_view address, Options options);
  static Result<Client> Make(std::string_view address) { return Make(address, Options()); }
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Sends one request and reads the whole answer, whatever its status.
  //   kNotFound          the socket does not exist
  //   kUnavailable       nobody accepts, or the connection broke
  //   kPermissionDenied  TLS: the server is not who it should be, or does not accept who we are
  //   kDeadlineExceeded  a time-out passed
  //   kResourceExhausted the answer is longer than response_bytes_max
  Result<Response> Send(std::string_view method, std::string_view path, std::string_view body = {},
                        const Headers& headers = {});

  // As Send, but the body of the answer goes to `receiver` as it comes, however long that lasts:
  // time-outs and bounds are the receiver's. The Response has no body.
  //   kUnavailable  also: the receiver or Stop() ended it
  struct Receiver {
    std::function<bool(const Response& head)> on_head;  // false: enough
    std::function<bool(std::string_view bytes)> on_bytes;
  };
  Result<Response> Stream(std::string_view method, std::string_view path, const Headers& headers,
                          const Receiver& receiver);
  // Calls of Send() from now on are to be over by then, all of them: as whole_timeout.
  void SetDeadline(SteadyTime deadline);
  // Any thread: breaks the call in flight. One that is only about to connect may go on, so who
  // waits for its end calls this again.
  void Stop();

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::http
