// What one request may ask for. Past a limit the answer is 400 or 413 and says which limit it was.
// Threads: plain values. Zero never means "no limit".
#pragma once

#include <cstdint>

#include "lib/core/units.h"

namespace pannier::api {

struct ApiLimits {
  uint64_t body_bytes = 40_MiB;           // past it 413
  uint64_t answer_bytes = 256_MiB;        // of get and query: past it 400, "use limit and offset"
  uint32_t dimension = 65'536;            // of a vector
  uint32_t batch_size_announced = 5'461;  // `max_batch_size`: what clients split by
  uint32_t ids = 1'000'000;               // of one request, known or not
  uint64_t id_bytes = 64_KiB;             // of one id
  uint64_t document_bytes = 16_MiB;       // of one document
  uint64_t uri_bytes = 64_KiB;            // of one URI
  uint64_t metadata_bytes = 1_MiB;        // of one record's or collection's metadata, about
  uint32_t metadata_keys = 1'024;         // the same
  uint32_t where_nodes = 100'000;         // operators and conditions of one where
  uint32_t where_operands = 1'000'000;    // of all $in and $nin of one where
  uint32_t query_vectors = 10'000;        // of one query
  uint32_t tenant_name_bytes = 512;
};

}  // namespace pannier::api
