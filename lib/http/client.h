// A small blocking HTTP client over cpp-httplib: for pannierctl, health checks, tests and the load
// generator. Threads: one at a time per Client. Keeps its connection alive between calls and
// reconnects when it was closed idle.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/core/result.h"
#include "lib/http/message.h"

namespace pannier::http {

class Client {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{60'000};  // for each read and write
    uint64_t response_bytes_max = 1ull << 30;
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // `address`: "unix:/run/pannier/pannier.sock" or "http://127.0.0.1:8000".
  //   kInvalidArgument  it is neither
  static Result<Client> Make(std::string_view address, Options options);
  static Result<Client> Make(std::string_view address) { return Make(address, Options()); }
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Sends one request and reads the whole answer, whatever its status.
  //   kNotFound          the socket does not exist
  //   kUnavailable       nobody accepts, or the connection broke
  //   kDeadlineExceeded  a time-out passed
  //   kResourceExhausted the answer is longer than response_bytes_max
  Result<Response> Send(std::string_view method, std::string_view path, std::string_view body = {},
                        const Headers& headers = {});

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::http
