// Metadata of requests → model::Metadata.
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/api/limits.h"
#include "daemon/model/metadata.h"
#include "lib/core/result.h"
#include "lib/json/reader.h"

namespace pannier::api {

// What a null value means: in add and create it is of the wrong shape, in updates it deletes the
// key.
enum class Nulls { kRefused, kDelete };

struct ParsedMetadata {
  model::Metadata values;
  std::optional<std::string> bad_key;  // why a key cannot be: "Metadata key cannot be empty"
  bool has_array = false;              // also of an empty one, which is no value
  std::optional<std::string> sparse;   // a key with a sparse vector, which `values` leaves out
};

// Reads an object.
//   kMalformed  not an object; a value that is none of metadata's kinds
Result<ParsedMetadata> ParseMetadata(const json::Value& value, Nulls nulls, std::string_view path);

// What this server does not keep; for the caller to answer once all shapes are right.
Error SparseUnsupported(std::string_view key);

//   kInvalidArgument  more keys or bytes than allowed
Status CheckMetadataSize(const model::Metadata& metadata, const ApiLimits& limits);

// The metadata of a collection: scalars only, not empty, no reserved keys. `field` is "metadata" or
// "new_metadata".
//   kInvalidArgument  "Validation error: metadata: …"
Result<model::Metadata> ParseCollectionMetadata(const json::Value& value, Nulls nulls,
                                                std::string_view field, const ApiLimits& limits);

}  // namespace pannier::api
