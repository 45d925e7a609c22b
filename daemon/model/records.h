// What reads and writes of records carry between the API and the store.
// Threads: plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/model/filter.h"
#include "daemon/model/metadata.h"
#include "lib/core/result.h"

namespace pannier::model {

// One add, update or upsert: parallel lists, applied atomically and in order. Validated before it
// reaches the store: lists are of equal length or empty (= absent), ids are not empty, vectors are
// finite and of one dimension ≥ 1.
struct RecordBatch {
  std::vector<std::string> ids;
  uint32_t dimension = 0;        // 0: no record carries a vector
  std::vector<float> vectors;    // dimension floats for each record that has one, in order
  std::vector<bool> has_vector;  // one per id; add and upsert: all true
  std::vector<std::optional<std::string>> documents;
  std::vector<std::optional<std::string>> uris;
  std::vector<std::optional<Metadata>> metadatas;  // nulls inside mean "delete this key"
};

enum class WriteKind { kAdd, kUpdate, kUpsert };

struct Include {
  bool documents = false;
  bool embeddings = false;
  bool metadatas = false;
  bool uris = false;
  bool distances = false;
};

struct GetRequest {
  Selection selection;
  std::optional<uint32_t> limit;
  uint32_t offset = 0;
  Include include;
};

struct QueryRequest {
  Selection selection;
  uint32_t dimension = 0;
  std::vector<float> vectors;  // count × dimension
  uint32_t count = 0;          // number of query vectors
  uint32_t n_results = 10;
  Include include;
};

// One record as it is read. Views live only during the visit. Parts not asked for are absent.
struct RecordView {
  std::string_view id;
  std::optional<std::string_view> document;
  std::optional<std::string_view> uri;
  std::optional<std::string_view> metadata;  // canonical JSON object
  std::span<const float> vector;             // empty when not asked for
};

// Called once per record, in the order of the answer. `query` counts the query vectors (0 for a
// get); `distance` is 0 for a get. An error ends the read at once, with that error.
using RecordVisitor =
    std::function<Status(uint32_t query, const RecordView& record, float distance)>;

}  // namespace pannier::model
