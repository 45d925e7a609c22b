// The parts of JSON patches (RFC 6902) that change an object only as it was read.
// Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::kube {

// `op`: "add", "test", …
nlohmann::json PatchOperation(const char* op, std::string path, nlohmann::json value);

// A patch that begins with these tests: that it is the object of this uid, and, unless it is empty,
// still of this version.
nlohmann::json PatchOf(const std::string& uid, const std::string& resource_version);

// Of a patch with tests: one that failed is "invalid" to the API (422); to us the object changed.
//   kConflict  a test failed; other errors as they are
Status AsConflict(const Result<nlohmann::json>& patched);

// The JSON pointer (RFC 6901) to `key` under `parent`: "/metadata/labels", "pannier.dev/x" give
// "/metadata/labels/pannier.dev~1x".
std::string PointerTo(const char* parent, std::string_view key);

}  // namespace pannier::kube
