// AWS Signature Version 4: what proves to S3 that a request comes from who holds the secret key.
// In the header of a request, or in a URL that somebody without the key may use for a while.
// Checked against AWS's published vectors. Threads: pure functions.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/core/clock.h"

namespace pannier::repository {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Credentials {
  std::string access_key, secret_key;
  std::string session_token;  // of temporary ones; else empty
  bool operator==(const Credentials&) const = default;
};

struct SigningScope {
  std::string region;
  std::string service = "s3";
  WallTime time;
};

// A request before it is encoded: what the signature covers.
struct RequestToSign {
  std::string method;
  std::string path;  // "/bucket/key", not percent-encoded
  Pairs query;       // not percent-encoded, any order
  Pairs headers;     // names in any case; all are signed. Must hold Host.
};

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// As AWS wants it: all but A-Z a-z 0-9 - . _ ~ (and '/', where it is kept) as %XX.
std::string UriEncode(std::string_view text, bool keep_slash);
// "a=1&b=", encoded and sorted by name.
std::string CanonicalQuery(const Pairs& query);
// "20150830T123600Z"
std::string SigningTime(WallTime time);

// The headers to add to `request` besides its own: X-Amz-Date, X-Amz-Security-Token where there is
// one, and Authorization. `payload` is the SHA-256 of the body in hex, or kUnsignedPayload.
Pairs SignHeaders(const RequestToSign& request, std::string_view payload, const Credentials& by,
                  const SigningScope& scope);

// The query (encoded, without '?') that makes `request` allowed until `valid` (at most 7 days, as
// S3 has it) has passed. Who uses it must send the request's headers too.
std::string PresignQuery(const RequestToSign& request, std::chrono::seconds valid,
                         const Credentials& by, const SigningScope& scope);

}  // namespace pannier::repository
