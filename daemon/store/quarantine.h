// What was moved aside: below quarantine/ in the data directory, with a row in the catalog.
//
// The row comes first, then the move: what a crash leaves at its origin is moved at start. Removal
// is written down before the first file goes, so that nobody gets half of a store back. Threads:
// any; changes take turns. Lifetime: the arguments outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/store/catalog.h"
#include "daemon/store/data_directory.h"
#include "daemon/store/replacement.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"
#include "lib/file/file_system.h"

namespace pannier::store {

class Quarantine {
 public:
  Quarantine(const DataDirectory& directory, Catalog& catalog, file::FileSystem& files)
      : directory_(directory), catalog_(catalog), files_(files) {}

  // The row for what lies at `origin` (relative to the data directory) now. Writes nothing.
  static QuarantineRow RowFor(const Uuid& id, const std::string& origin, std::string_view why,
                              WallTime since, std::optional<WallTime> expires);
  // Moves what the row, which is in the catalog, speaks of. Ok when it is there already.
  Status MoveIn(const QuarantineRow& row) EXCLUDES(mutex_);
  // Writes the row and moves.
  Status Add(const QuarantineRow& row) EXCLUDES(mutex_);
  // Ends moves and removals that were interrupted, or that the disk failed.
  Status Finish() EXCLUDES(mutex_);

  Result<std::vector<QuarantinedStore>> List();
  // Makes it a database.  kNotFound, kConflict, and kInvalidArgument: it holds no store
  Status Release(const Uuid& id, const std::string& tenant, const std::string& database)
      EXCLUDES(mutex_);
  //   kNotFound
  Status Remove(const Uuid& id) EXCLUDES(mutex_);
  // Removes what has expired by `now`; returns how many went.
  Result<uint64_t> RemoveExpired(WallTime now) EXCLUDES(mutex_);

 private:
  // Whether it lies where it came from still.
  Result<bool> WaitsForMove(const QuarantineRow& row);
  Status Move(const QuarantineRow& row) REQUIRES(mutex_);
  Status Destroy(const QuarantineRow& row) REQUIRES(mutex_);

  const DataDirectory& directory_;
  Catalog& catalog_;
  file::FileSystem& files_;
  Mutex mutex_;  // held across moves and removals: these are rare, and must not meet
};

}  // namespace pannier::store
