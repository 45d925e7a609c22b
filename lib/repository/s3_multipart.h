// Objects put in parts: each part repeated by itself, the whole visible only once it is completed.
// A failure on the way aborts the upload; what even that cannot remove is found by AbortUnfinished.
// Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/repository/s3_requests.h"

namespace pannier::repository {

struct PartsUpload {
  const std::string& key;
  std::string_view bytes;
  ObjectStore::IfPresent present;
  Pairs headers;  // of encryption
  uint64_t part_bytes;
};

// As ObjectStore::Put.
Status PutInParts(S3Requests& requests, const PartsUpload& upload, const Clock& clock,
                  SteadyTime deadline);

// Aborts uploads below `folder` (of the bucket) that were begun before `before`; returns how many,
// at most 1,000. Servers that cannot list them have none, as far as we can know.
Result<uint64_t> AbortUnfinished(S3Requests& requests, const std::string& folder, WallTime before,
                                 SteadyTime deadline);

}  // namespace pannier::repository
