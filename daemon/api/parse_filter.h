// `where` and `where_document` → one model::Filter.
// Chroma says no more of a wrong clause than that it is wrong, and programs compare the sentence;
// only our own limits explain themselves.
// Threads: pure functions. Nesting is bounded by the JSON reader, size by ApiLimits.
#pragma once

#include <optional>

#include "daemon/api/body.h"
#include "daemon/api/limits.h"
#include "daemon/model/filter.h"
#include "lib/core/result.h"

namespace pannier::api {

// Both conditions ANDed; nothing when both are absent or null.
//   kInvalidArgument  "Invalid where clause", "Invalid where document clause", or past a limit
Result<std::optional<model::Filter>> ParseFilter(const Field& where, const Field& where_document,
                                                 const ApiLimits& limits);

}  // namespace pannier::api
