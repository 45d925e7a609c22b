// Index parameters in a collection's metadata (`hnsw:space`, …): the way before configurations,
// still used by many programs.
// Threads: pure functions.
#pragma once

#include "daemon/model/hnsw_settings.h"
#include "daemon/model/metadata.h"
#include "lib/core/result.h"

namespace pannier::model {

// The defaults with what the `hnsw:` keys say.
//   kInvalidArgument  an unknown `hnsw:` key or a bad value
Result<HnswSettings> ReadLegacyMetadata(const Metadata& metadata);

}  // namespace pannier::model
