// Lists of embeddings, as arrays of numbers or as base64 of little-endian floats → one run of
// floats.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "daemon/api/limits.h"
#include "lib/core/result.h"
#include "lib/json/reader.h"

namespace pannier::api {

struct Embeddings {
  uint32_t dimension = 0;      // of all of them; 0 when there is none
  std::vector<float> vectors;  // dimension floats for each that is present
  std::vector<bool> present;   // one per element of the list
};

// What the list may hold: arrays of numbers or base64, and what else.
enum class EmbeddingForms {
  kQueries,    // one form throughout; without dimension, too
  kAllGiven,   // add and upsert: one form throughout
  kWithNulls,  // update: the same, and nulls
};

// Checks everything about the vectors but their dimension against the collection's. Zero-length
// vectors are allowed only as kQueries: of a query they are a wrong dimension, which only the
// collection can tell.
//   kMalformed        not a list, a mixed list, an element that is no number
//   kInvalidArgument  bad base64, no dimension or too many, different dimensions, NaN or infinity
Result<Embeddings> ParseEmbeddings(const json::Value& list, EmbeddingForms forms,
                                   std::string_view path, const ApiLimits& limits);

}  // namespace pannier::api
