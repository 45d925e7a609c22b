// Bodies of add, update and upsert → model::RecordBatch.
// Threads: pure functions.
#pragma once

#include "daemon/api/limits.h"
#include "daemon/model/records.h"
#include "lib/core/result.h"
#include "lib/json/reader.h"

namespace pannier::api {

// Everything that can be said without the collection is checked; floats go straight into the batch.
//   kMalformed        a list is missing or of the wrong type
//   kInvalidArgument  lists of different lengths, empty ids, bad vectors or keys, past a limit
//   kUnimplemented    sparse vectors
Result<model::RecordBatch> ParseRecords(const json::Value& body, model::WriteKind kind,
                                        const ApiLimits& limits);

}  // namespace pannier::api
