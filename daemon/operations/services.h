// What actions work with. Threads: as the parts. Lifetime: the parts outlive all runners.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "daemon/operations/repositories.h"
#include "daemon/operations/snapshot_finder.h"
#include "daemon/service/events.h"
#include "daemon/service/operation_metrics.h"
#include "daemon/store/store_check.h"
#include "daemon/store/stores.h"
#include "lib/core/clock.h"
#include "lib/file/file_system.h"

namespace pannier::sessions {
class Registry;
}

namespace pannier::operations {

// Runs a verb of the daemon's child (daemon/process/child.h), from JSON to JSON.
using RunChild = std::function<Result<std::string>(
    const std::string& verb, const std::string& arguments, const store::Progress& progress)>;

struct ActionSettings {
  std::string data_dir;
  std::string version;  // of this program, for manifests
  std::chrono::seconds quarantine{7 * 24 * 3600};
  uint32_t transfers = 4;
  uint64_t spool_reserve_bytes = 256ull << 20;
  uint32_t salvage_loss_max = 1'000;  // records that an automatic salvage may lose
  store::StoreOptions store;          // for stores in staging
  RunChild run_child;
};

struct Services {
  store::Stores& stores;
  Repositories& repositories;
  SnapshotFinder& finder;
  service::Events& events;
  service::OperationMetrics& metrics;
  file::FileSystem& files;
  const Clock& clock;
  sessions::Registry& sessions;
  const ActionSettings settings;
  std::function<Status()> on_all_restored = {};  // every store that there was has come back
};

}  // namespace pannier::operations
