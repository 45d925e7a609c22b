// Reads what ExportJsonLines wrote (docs/formats/export.md). Threads: one call, one thread.
// Memory: a batch of records, and the longest line.
#pragma once

#include "daemon/store/store.h"
#include "daemon/store/store_check.h"
#include "daemon/transfer/export.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::transfer {

// Brings all collections of the file into `into`, which has none of these names. `progress` counts
// bytes of the file.
//   kInvalidArgument  not such a file, of a newer version, or wrong in the line that `what` names
//   kCorruption       it ends too early
//   kConflict         a name is taken
Result<Transferred> ImportJsonLines(file::FileSystem& files, const file::Path& from,
                                    store::Store& into, const store::Progress& progress);

}  // namespace pannier::transfer
