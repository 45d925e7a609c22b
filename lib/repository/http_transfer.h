// Sends one HTTP request and reads the whole answer, by libcurl. Connections are kept and used
// again; proxies come from the environment (https_proxy, no_proxy). Redirects are not followed: a
// signature holds for one host. Threads: any; as many at once as call.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/repository/sigv4.h"

namespace pannier::repository {

struct TransferOptions {
  std::string ca_file;  // PEM of who may sign the server's certificate; empty: the system's
  std::chrono::milliseconds connect_timeout{5'000};
  // For a request and its answer: so long, and as long again as the bytes take at the least rate.
  std::chrono::milliseconds request_timeout{30'000};
  uint64_t bytes_per_second_min = 64 << 10;
};

struct HttpRequest {
  std::string method, url;
  Pairs headers;
  std::string_view body;  // of PUT and POST
  // Longer answers are refused, but that there is room for the text of an error, of 64 KiB.
  uint64_t answer_bytes_max = 0;
  std::string_view ca_pem = {};  // in the place of TransferOptions::ca_file, where there is some
};

struct HttpReply {
  int status = 0;
  Pairs headers;  // names in lower case
  std::string body;

  // The last one of that (lower-case) name, or "".
  std::string_view Header(std::string_view name) const;
};

class HttpTransfer {
 public:
  explicit HttpTransfer(TransferOptions options);
  ~HttpTransfer();

  //   kUnavailable        no connection, or it broke; the request may have been carried out
  //   kDeadlineExceeded   a time-out of the options, or the deadline; the same
  //   kCorruption         the answer is shorter than it says
  //   kResourceExhausted  the answer is longer than answer_bytes_max
  //   kPermissionDenied   the server's certificate is not to be trusted
  //   kInvalidArgument    the URL is none
  //   kUnimplemented      libcurl is not there
  Result<HttpReply> Send(const HttpRequest& request, std::chrono::nanoseconds time_left);

 private:
  class Handles;
  const TransferOptions options_;
  const std::unique_ptr<Handles> handles_;
};

// "Sun, 06 Nov 1994 08:49:37 GMT"; nothing of anything else.
std::optional<WallTime> ParseHttpDate(std::string_view text);

}  // namespace pannier::repository
