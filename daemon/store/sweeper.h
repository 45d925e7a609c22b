// Carries out a sweep (sweep.h). Threads: any; sweeps take turns. Lifetime: the arguments outlive
// it.
#pragma once

#include <shared_mutex>

#include "daemon/store/catalog.h"
#include "daemon/store/data_directory.h"
#include "daemon/store/quarantine.h"
#include "daemon/store/sweep.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::store {

class Sweeper {
 public:
  // `why` of what a sweep moved to quarantine.
  static constexpr char kWhy[] = "sweep";

  // `databases_change`: held while databases are made, deleted or put in place.
  Sweeper(const DataDirectory& directory, Catalog& catalog, Quarantine& quarantine,
          std::shared_mutex& databases_change, file::FileSystem& files, const Clock& clock)
      : directory_(directory),
        catalog_(catalog),
        quarantine_(quarantine),
        databases_change_(databases_change),
        files_(files),
        clock_(clock) {}

  // An error only when the catalog or the directory itself cannot be read; what fails for single
  // leftovers is in the result.
  Result<SweepResult> Run(const SweepOptions& options) EXCLUDES(mutex_);

 private:
  class Hand;

  const DataDirectory& directory_;
  Catalog& catalog_;
  Quarantine& quarantine_;
  std::shared_mutex& databases_change_;
  file::FileSystem& files_;
  const Clock& clock_;
  Mutex mutex_;  // held during a sweep
};

}  // namespace pannier::store
