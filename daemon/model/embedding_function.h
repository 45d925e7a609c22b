// What clients write down about their embedding function. The server stores and returns it, and
// never runs it.
// Threads: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::model {

// One of {"type":"legacy"}, {"type":"unknown"}, {"type":"known","name":…,"config":…}; other keys
// are dropped. Null stays null.
//   kMalformed  none of these
Result<nlohmann::json> ReadEmbeddingFunction(const nlohmann::json& value, std::string_view path);

// Null, unknown, or the one that the Python client writes when the program named none.
bool IsDefaultEmbeddingFunction(const nlohmann::json& embedding_function);

}  // namespace pannier::model
