// Chroma's configuration and schema: two views of one thing, kept in agreement.
// All functions are pure. Errors carry Chroma's status by code: kInvalidArgument is 400; a
// ShapeError (see below) is 422.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

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

// Whether a failure is of JSON's shape (422 `ChromaError`) or of its values (400
// `InvalidArgumentError`).
enum class Blame { kShape, kValue };
struct BadInput {
  Blame blame;
  std::string message;
};
template <typename T>
using Checked = std::variant<T, BadInput>;

// What `configuration`, `schema` and the collection's metadata (for legacy hnsw: keys) of a create
// request come to. Null pointers are absent parts.
Checked<IndexDescription> DescribeIndex(const nlohmann::json* configuration,
                                        const nlohmann::json* schema, const Metadata* metadata);

// Applies `new_configuration` of an update request.
Checked<IndexDescription> UpdateIndex(const IndexDescription& current,
                                      const nlohmann::json& new_configuration);

// A metadata key seen with a value type: "string", "int", "float", "bool" (arrays count as their
// scalar type).
using KeyType = std::pair<std::string, std::string_view>;
std::set<KeyType> KeyTypes(const Metadata& metadata);

// The schema with the key/type pairs it does not know added, or nothing when it knows all of them.
std::optional<std::string> GrowSchema(const std::string& schema, const std::set<KeyType>& written);

// Whether the schema's switches allow the filter.
//   kInvalidArgument  "Cannot filter using metadata key 'k' with type 'Str' because indexing is
//   disabled", or the
//                     full-text sentence
Status CheckFilterAllowed(const std::string& schema, const Filter& filter);

// Name rules of databases and collections (3-512 characters …); `field` begins the message
// ("Validation error: name: ").
Status CheckName(std::string_view name, std::string_view message_prefix);

}  // namespace pannier::model
