// The query string of a request, as `name=value&…`.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::api {

struct Page {
  std::optional<uint32_t> limit;
  uint32_t offset = 0;
};

// `limit` and `offset`; other names are passed over.
//   kInvalidArgument  "Failed to deserialize query string: …"
Result<Page> ReadPage(std::string_view query);

// `read_level`: checked only, one node has one level.
//   kInvalidArgument  an unknown level
Status CheckReadLevel(std::string_view query);

}  // namespace pannier::api
