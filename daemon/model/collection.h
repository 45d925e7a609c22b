// What a collection is: name, metadata, index parameters, schema. Parsing, defaults and the rules
// that tie configuration, legacy `hnsw:` metadata and schema together are in configuration.h; this
// is the stored result. Threads: plain values; published as shared_ptr<const Collection>.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/core/uuid.h"

namespace pannier::model {

enum class Space { kL2, kCosine, kIp };

// Chroma's names and defaults. What a client set is honoured in meaning and echoed.
struct HnswParameters {
  Space space = Space::kL2;
  uint32_t ef_construction = 100;
  uint32_t ef_search = 100;
  uint32_t max_neighbors = 16;
  uint32_t num_threads = 0;  // 0: the number of CPUs, which is what the schema then shows
  uint32_t batch_size = 100;
  uint32_t sync_threshold = 1000;
  double resize_factor = 1.2;

  bool operator==(const HnswParameters&) const = default;
};

struct Collection {
  Uuid id;
  uint32_t number = 0;  // names its table in the store; never used again after deletion
  std::string name;
  std::optional<std::string> metadata;  // canonical JSON object, not empty
  HnswParameters hnsw;                  // what the index uses
  std::string configuration;            // JSON text of `configuration_json`
  std::string schema;                   // JSON text of `schema`
  std::optional<uint32_t> dimension;    // fixed by the first write that carries a vector
};

}  // namespace pannier::model
