// How a daemon that found its volume empty begins, where the VectorStore says bootstrap:
// LatestSnapshot: with the newest sound snapshot of each store, as its StoreSnapshots and the
// repository itself know them. It begins with nothing only where both are known and have none.
// Threads: pure functions.
#pragma once

#include <string>

#include "operator/plan/vector_store_plan.h"

namespace pannier::control {

// Whether seen.inventory is needed now: it takes a listing of the repository.
bool NeedsInventory(const VectorStore& store, const VectorStoreObserved& seen, WallTime now);
// Why daemons that wait for their snapshots go on waiting, for people; "": nothing keeps them.
std::string WhyBootstrapWaits(const VectorStore& store, const VectorStoreObserved& seen);
// Fills daemons that wait for it.
void PlanBootstrap(const VectorStore& store, const VectorStoreObserved& seen, WallTime now,
                   VectorStorePlan* plan);

}  // namespace pannier::control
