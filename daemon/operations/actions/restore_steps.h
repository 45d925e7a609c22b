// The steps of a restore, for one store and for many. Threads: any.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "daemon/operations/action_runner.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/services.h"
#include "daemon/operations/snapshot_finder.h"

namespace pannier::operations {

// One store that comes back.
struct RestorePlan {
  Uuid operation;  // under which the catalog notes that it happened
  FoundSnapshot snapshot;
  StoreName target;
  bool exists = false;     // a store of that name is there, and will be quarantined
  std::string collection;  // only this one; empty: the whole store
};

// As docs/admin-api.md shows it.
nlohmann::json PlanJson(Services& services, const Request& request, const RestorePlan& plan);

// The snapshot does not have the collection that is wanted of it.
Error NoSuchCollection(const RestorePlan& plan);

// Fetches the snapshot to a folder of `staging` and checks it in full: ready to be put in place.
//   kCorruption   it is not what its manifest says, or a chunk is damaged or lost: that is recorded
//                 in the repository, so that it is not chosen again
//   kStorageFull  there is no room for it
Result<std::string> FetchAndCheck(Services& services, Context& context,
                                  repository::Repository& repository, const RestorePlan& plan,
                                  const Staging& staging, const std::string& name);

// From the repository into place.
Result<std::optional<Uuid>> RestoreStore(Services& services, Context& context,
                                         repository::Repository& repository,
                                         const RestorePlan& plan, const Staging& staging,
                                         const std::string& name, std::chrono::seconds quarantine);

// What is there now, after it happened: {store, sequence, records}.
Result<nlohmann::json> RestoredJson(Services& services, const RestorePlan& plan);

}  // namespace pannier::operations
