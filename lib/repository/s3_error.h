// What an answer of an S3 server means for who asked. Threads: pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/repository/http_transfer.h"

namespace pannier::repository {

struct S3Failure {
  enum class Next {
    kGiveUp,   // the same request will fare no better
    kRetry,    // it may
    kReplace,  // it may with other credentials, or another URL
  };
  Error error;
  Next next = Next::kGiveUp;
  std::optional<std::chrono::milliseconds> retry_after;
  std::string code;  // in the server's own word: "NoSuchBucket"; empty: it has none
};

// Nothing when the answer is a success: a 2xx status, and no error in the body, which a server that
// had to begin answering before it was done sends with a 200. `body_is_object` when a success would
// carry an object, which may hold anything. `now` tells a wrong clock.
//   kNotFound          no such object, or upload, in S3's own words
//   kInvalidArgument   the object has no such range
//   kConflict          the condition (If-None-Match) does not hold
//   kPermissionDenied, kStorageFull, kUnimplemented
//   kUnavailable       anything else, also that there is no such bucket
std::optional<S3Failure> FailureOf(const HttpReply& reply, bool body_is_object, WallTime now);

// The same for a request that got no whole answer.
S3Failure FailureOf(Error transfer);

}  // namespace pannier::repository
