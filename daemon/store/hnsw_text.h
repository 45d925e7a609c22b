// HNSW parameters as the store file keeps them: "space=cosine ef_construction=100 …". Pure
// functions.
#pragma once

#include <string>
#include <string_view>

#include "daemon/model/collection.h"
#include "lib/core/result.h"

namespace pannier::store {

std::string FormatHnsw(const model::HnswParameters& parameters);
// Keys it does not know are refused.
//   kCorruption  not of that form
Result<model::HnswParameters> ParseHnsw(std::string_view text);

}  // namespace pannier::store
