// Takes, proves and brings back snapshots: between a store (or a folder) and a repository.
// docs/architecture.md, "A snapshot". Threads: any; each call works with at most `transfers`, or 4,
// threads of its own besides the caller's. Memory of a call: at most 64 MiB with 4 transfers and a
// store of 1 GB. Lifetime: arguments outlive the call.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/store.h"
#include "daemon/store/store_check.h"
#include "lib/contract/manifest.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"
#include "lib/repository/repository.h"

namespace pannier::snapshot {

// Whether saved vector indexes (docs/formats/index.md) go with the store, so that it need not build
// them after a restore: made for it; those that are there and of this sequence; none.
enum class IncludeIndexes { kAlways, kIfClean, kNever };

struct TakeOptions {
  Uuid uid, owner, store;
  std::string origin;  // manifest.h
  std::string tenant, database, version;
  std::optional<contract::Manifest> parent;  // whose chunks need not be sent again
  std::string spool;  // an empty folder for changed chunks until they are sent
  uint64_t spool_reserve_bytes = 256ull << 20;  // left free on the disk; what does not fit is sent
                                                // while the store is pinned
  IncludeIndexes indexes = IncludeIndexes::kIfClean;
  uint32_t transfers = 4;
  uint64_t log_bytes_max = 1ull << 30;  // past it the pin is given up: writers come too fast
  bool may_list = true;                 // false: the repository can only be read and written
  // Told of the keys of all chunks just before they are sent; may be empty.
  std::function<void(const std::vector<std::string>& keys)> before_sending;
  SteadyTime deadline;  // nothing is committed after it
};

// 1. pins the store; 2. cuts its file into chunks, hashes them, and spools those that the parent
// does not have; 3. releases the pin, does the same with saved indexes, and sends; 4. commits the
// manifest, last. Until 4 nothing exists but chunks that nobody names. Repeated with the same uid
// after a crash, it returns the manifest it finds, if it may list. `progress` is told of bytes
// hashed, then of bytes sent, and is called by one thread at a time.
//   kDeadlineExceeded   stopped, or out of time: no snapshot, unless the commit's answer was lost
//   kResourceExhausted  the store was written faster than it could be copied
Result<contract::Manifest> Take(store::Store& source, repository::Repository& repository,
                                const TakeOptions& options, file::FileSystem& files,
                                const store::Progress& progress);

// What a crash leaves of a fetched file: all of it, or whatever (it is only looked at).
enum class Fetched { kDurable, kScratch };

// Fetches all files of a snapshot into `folder` (empty, existing). Every chunk is checked against
// its digest.
//   kCorruption, kNotFound  a chunk is damaged or lost; `what` names it
Status Fetch(const contract::Manifest& manifest, repository::Repository& repository,
             const std::string& folder, Fetched as, uint32_t transfers, file::FileSystem& files,
             SteadyTime deadline, const store::Progress& progress);

// Manifest: every chunk is there with its size and digest. Deep: fetched to `scratch`, checked in
// full (store_check.h), counts compared with the manifest, sample queries with exact search. The
// result is also recorded in the repository.
Result<repository::Verification> Verify(const repository::SnapshotRef& snapshot,
                                        const contract::Manifest& manifest,
                                        repository::Repository& repository,
                                        repository::VerifyLevel level, const std::string& scratch,
                                        uint32_t transfers, file::FileSystem& files,
                                        const Clock& clock, SteadyTime deadline,
                                        const store::Progress& progress);

}  // namespace pannier::snapshot
