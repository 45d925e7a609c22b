// A whole schema: built from defaults and what a client sent, read for the index and for filters.
// Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>

#include "daemon/model/hnsw_settings.h"
#include "lib/core/result.h"

namespace pannier::model {

// What a schema says about the vectors: on `#embedding`.
struct VectorSettings {
  HnswSettings hnsw;
  nlohmann::json embedding_function;  // null when there is none

  bool operator==(const VectorSettings&) const = default;
};

// Chroma's default schema, with these vector settings in both places that hold them.
nlohmann::json MakeSchema(const VectorSettings& vectors);

// The default schema with what a validated `read` (of schema_reader.h) says laid over it.
//   kInvalidArgument  index parameters out of range
Result<nlohmann::json> CompleteSchema(const nlohmann::json& read);

// Of a complete schema.
//   kCorruption  it is not one
Result<VectorSettings> VectorsOf(const nlohmann::json& schema);
void SetVectors(const VectorSettings& vectors, nlohmann::json* schema);

}  // namespace pannier::model
