// The last question of a deep verification: does the restored store answer as its rows say?
// Threads: any.
#pragma once

#include <string>

#include "lib/contract/manifest.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::snapshot {

// Opens the store in `folder` (nobody else has it open) and asks each of a few collections, at most
// `kSampledRecordsMax` records large, for the neighbours of one of its own records. The distances
// must be those of a plain walk over all rows.
//   kCorruption  they are not
inline constexpr uint64_t kSampledRecordsMax = 20'000;
Status RunSampleQueries(const contract::Manifest& manifest, const std::string& folder,
                        file::FileSystem& files, SteadyTime deadline);

}  // namespace pannier::snapshot
