// Reads the `schema` of a create request: its shape, then its rules.
// Threads: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::model {

// What was sent, without the parts Chroma does not know: `defaults`, `keys` and, when given, `cmek`
// and `source_attached_function_id`. Parts that were left out stay out.
//   kMalformed  a required part is missing, or a part has the wrong type
Result<nlohmann::json> ReadSchema(const nlohmann::json& given);

// The rules for a schema that ReadSchema returned.
//   kInvalidArgument  a switch stands where it must not
Status ValidateSchema(const nlohmann::json& schema);

}  // namespace pannier::model
