// What becomes of a StoreOperation: its plan is shown first (Planned, or Suspended, where it waits
// for a person), then Fencing, Executing, Checking, Swapping, then for good Completed, Failed,
// RolledBack, Rejected or TimedOut. Threads: pure functions.
#pragma once

#include <vector>

#include "operator/plan/daemon_view.h"
#include "operator/plan/plan.h"
#include "operator/plan/snapshot_states.h"
#include "operator/resource/snapshot_repository.h"
#include "operator/resource/vector_store.h"

namespace pannier::control {

struct OperationObserved {
  std::optional<VectorStore> vector_store;       // of spec.vectorStoreRef
  std::optional<SnapshotRepository> repository;  // of RepositoryNameOf()
  std::optional<StoreSnapshot> source;           // of action.restore.snapshotRef
  // Whether the VectorStore's pods were listed; until then a missing pod means nothing.
  bool pods_known = false;
  // Of each injected pod of the VectorStore, with the operations of UidsOf() that it knows.
  std::vector<DaemonView> daemons;
  std::vector<StoreSnapshot> snapshots;    // of the VectorStore
  bool may_transfer = true;                // by maxConcurrentTransfers
  std::vector<StoreOperation> operations;  // others of the VectorStore
};

using OperationPlanning = Plan<StoreOperationStatus>;

// "" when it needs none.
std::string RepositoryNameOf(const StoreOperation& operation, const VectorStore* store,
                             const StoreSnapshot* source);
// The dry run (attempt 0) and the attempts that there may be.
Uuid OperationAttemptUid(const Meta& operation, int64_t attempt);
// Whether it reads a repository.
bool ReadsRepository(const ActionSpec& action);
std::vector<Uuid> UidsOf(const StoreOperation& operation);

OperationPlanning PlanOperation(const StoreOperation& operation, const OperationObserved& seen,
                                WallTime now);

}  // namespace pannier::control
