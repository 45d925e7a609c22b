// Garbage collection: chunks that no manifest names. A chunk goes only when two runs, at least
// `grace` apart, found it unreferenced, and it was not renewed in between. `grace` must be longer
// than any daemon's snapshot into it takes, whose chunks nobody names yet: the caller sees to that.
// Any error of listing or of reading a manifest ends the run before anything is deleted. Threads:
// any; two runs at once only repeat each other.
#pragma once

#include <chrono>
#include <cstdint>

#include "lib/repository/repository.h"

namespace pannier::repository {

struct GarbageOptions {
  std::chrono::seconds grace{24 * 3600};
  bool dry_run = false;
  uint64_t deletions_max = 100'000;  // in one run
};

struct GarbageReport {
  uint64_t manifests = 0, chunks = 0, referenced = 0;
  uint64_t candidates = 0;  // unreferenced now; deleted by a later run
  uint64_t deleted = 0, deleted_bytes = 0;
  uint64_t missing = 0;  // named by a manifest, yet not there: verify says which
};

// Deletes also verifications and holds whose snapshot is gone, by the same rule, and uploads that
// were begun more than `grace` ago and never ended.
//   kConflict  the repository is empty of manifests but not of chunks, and no manifest was ever
//              seen by an earlier run: suspicious, nothing is deleted; or it has snapshots that
//              only a newer version knows; or it is another repository than was opened
//   others     as ObjectStore and Repository; what was deleted until then stays deleted
Result<GarbageReport> CollectGarbage(Repository& repository, const Clock& clock,
                                     const GarbageOptions& options, SteadyTime deadline);

}  // namespace pannier::repository
