// Bodies of get, query and delete → the model's requests.
// Threads: pure functions.
#pragma once

#include <string>
#include <vector>

#include "daemon/api/limits.h"
#include "daemon/model/records.h"
#include "lib/core/result.h"
#include "lib/json/reader.h"

namespace pannier::api {

// A request, and its `include` as sent: answers echo it, order and duplicates too.
template <typename Request>
struct WithInclude {
  Request request;
  std::vector<std::string> include;
};

struct DeleteRequest {
  model::Selection selection;
  std::optional<uint32_t> limit;
  bool nothing = false;  // neither ids nor a filter: nothing is to be done
};

// Errors of all three:
//   kMalformed        a field of the wrong type, an unknown include, a number that is no u32
//   kInvalidArgument  a wrong clause, fields that do not go together, past a limit
Result<WithInclude<model::GetRequest>> ParseGet(const json::Value& body, const ApiLimits& limits);
Result<WithInclude<model::QueryRequest>> ParseQuery(const json::Value& body,
                                                    const ApiLimits& limits);
Result<DeleteRequest> ParseDelete(const json::Value& body, const ApiLimits& limits);

}  // namespace pannier::api
