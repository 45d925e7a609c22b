// Chroma's configuration and schema: two views of one thing, kept in agreement.
// All functions are pure. Errors carry Chroma's status by code: kInvalidArgument is 400 (a wrong
// value), kMalformed 422 (a wrong shape).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/model/collection.h"
#include "daemon/model/filter.h"
#include "daemon/model/metadata.h"
#include "lib/core/result.h"

namespace pannier::model {

// The index part of a collection, ready to store.
struct IndexDescription {
  HnswParameters hnsw;
  std::string configuration;  // JSON text of `configuration_json`
  std::string schema;         // JSON text of `schema`
};

// What `configuration`, `schema` and the collection's metadata (for legacy hnsw: keys) of a create
// request come to. Null pointers and JSON null are absent parts.
//   kMalformed        an unknown key of `hnsw`, a missing part, a wrong type
//   kInvalidArgument  parts that contradict each other, a switch where it must not be, bad hnsw:
//                     metadata
Result<IndexDescription> DescribeIndex(const nlohmann::json* configuration,
                                       const nlohmann::json* schema, const Metadata* metadata);

// Applies `new_configuration` of an update request; null changes nothing.
//   kMalformed        as above
//   kInvalidArgument  two kinds of index at once
//   kCorruption       `current` is not what DescribeIndex made
Result<IndexDescription> UpdateIndex(const IndexDescription& current,
                                     const nlohmann::json& new_configuration);

// A metadata key seen with a value type: "string", "int", "float", "bool" (arrays count as their
// scalar type). Keys of the server's own ("chroma:…") are not told.
using KeyType = std::pair<std::string, std::string_view>;
std::set<KeyType> KeyTypes(const Metadata& metadata);

// The schema with the key/type pairs it does not know added, or nothing when it knows all of them.
std::optional<std::string> GrowSchema(const std::string& schema, const std::set<KeyType>& written);

// Whether the schema's switches allow the filter.
//   kInvalidArgument  "Cannot filter using metadata key 'k' with type 'Str' because indexing is
//                     disabled", or the full-text sentence
//   kCorruption       the schema is not JSON
Status CheckFilterAllowed(const std::string& schema, const Filter& filter);

}  // namespace pannier::model
