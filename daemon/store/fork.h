// Copies a whole store as of one sequence: into a folder, or as a new database.
// Threads: any; one call, one thread. Memory: about 1 MiB. Lifetime: the arguments outlive the
// call.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/store/store.h"
#include "daemon/store/store_check.h"
#include "daemon/store/store_host.h"
#include "daemon/store/stores.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"
#include "lib/file/file_system.h"

namespace pannier::store {

struct StoreCopy {
  index::Sequence sequence = 0;
  uint64_t bytes = 0;
};

// Makes `folder`/store.db, which must not exist, and syncs it and the folder. Writes of the source
// go on meanwhile (store_pin.h). `progress` may be empty.
//   kDeadlineExceeded  the source could not be pinned in time, or `progress` said stop
//   kStorageFull, kUnavailable, …  the disk; what was copied is left for the caller to remove
Result<StoreCopy> CopyStore(Store& source, const std::string& folder, file::FileSystem& files,
                            const CallContext& call, const Progress& progress);

// Makes `to` a new database (and its tenant, if that is new) that holds what `from` holds now: the
// same collections under the same ids. Staged and installed under `operation` (stores.h); an error
// removes what was staged.
//   kNotFound  no `from`.   kConflict  `to` exists.   others  as CopyStore and Stores::Install
Result<StoreCopy> ForkStore(Stores& stores, const Uuid& operation, const StoreName& from,
                            const StoreName& to, file::FileSystem& files, const CallContext& call,
                            const Progress& progress);

}  // namespace pannier::store
