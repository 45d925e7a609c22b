// Stands between a client and an HTTP server, passes requests on one by one, and spoils those that
// a test names. Listens on a port of 127.0.0.1 that the kernel chose. Knows HTTP as far as bodies
// have a Content-Length, which those of S3 clients do; answers of the server may end with the
// connection. Answers to requests that say "watch=true" are passed on as they come.
// Threads: any. Lifetime: ends its connections when it is destroyed; the server outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pannier::test {

enum class Fault {
  kNone,
  // Without asking the server:
  kStatus500,     // InternalError
  kSlowDown,      // 503 SlowDown with Retry-After: 2
  kSilence,       // never answers
  kResetRequest,  // the connection is reset in the middle of the request
  kErrorBody,     // 200 with an <Error>
  kSkewed,        // 403 RequestTimeTooSkewed
  kExpired,       // 403 AccessDenied: a presigned URL that is too old
  kNoBucket,      // 404 NoSuchBucket
  kHtml,          // 502 with a page of some gateway
  kLostPage,      // 404 with a page of some gateway
  kTooMany,       // 429 with Retry-After: 1
  // The server carries the request out, but:
  kResetReply,  // the connection is reset in the middle of the answer
  kTruncate,    // half of the body, then a clean end
  kWrongEtag,   // the ETag is another
  kDamage,      // a bit of the answer's body is flipped
  kDropReply,   // the connection is closed without an answer
  // Of a watch alone, once the first piece of its answer has come:
  kCut,    // half of the piece, then a clean end
  kStall,  // half of the piece, then nothing for ever
};
std::string_view ToString(Fault fault);
// Those that leave a client in doubt about what the server did, and those that do not.
const std::vector<Fault>& PassingFaults();

class FaultProxy {
 public:
  struct Request {
    std::string method, target, headers, body;
  };
  using Matches = std::function<bool(const Request&)>;

  // `upstream`: "/path/to/socket" or "127.0.0.1:7070".
  explicit FaultProxy(std::string upstream);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  std::string endpoint() const;  // "http://127.0.0.1:43210"
  int port() const;

  // Spoils `count` requests from the n-th on (1 = the next) of those that match. Replaces what was
  // asked for before.
  void Spoil(Fault fault, int n = 1, int count = 1, Matches matches = nullptr);
  // As a function of the request and its number since the last reset.
  void SpoilBy(std::function<Fault(const Request&, int number)> choose);
  void Heal();
  // Since the last Reset(): "PUT /bucket/key?query", whether spoiled or not, in order of arrival.
  std::vector<std::string> requests() const;
  int spoiled() const;
  int connections() const;
  void Reset();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::test
