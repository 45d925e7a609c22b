// What becomes of a StoreSnapshot: Queued, Running, Committing, Verifying, then for good Completed,
// PartiallyFailed, Failed, TimedOut or Rejected; and how it is deleted. Threads: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "operator/plan/daemon_view.h"
#include "operator/plan/plan.h"
#include "operator/plan/snapshot_states.h"
#include "operator/resource/snapshot_repository.h"
#include "operator/resource/vector_store.h"

namespace pannier::control {

struct SnapshotObserved {
  std::optional<VectorStore> vector_store;       // of spec.vectorStoreRef
  std::optional<SnapshotRepository> repository;  // of RepositoryNameOf()
  bool namespace_terminating = false;
  // Of each injected pod of the VectorStore, reachable or not, with the operations of
  // OperationsOf() that it knows. Read when neither terminal nor deleted; of a deleted one only
  // for a volume repository.
  std::vector<DaemonView> daemons;
  std::vector<StoreSnapshot> siblings;     // others of the same VectorStore
  std::vector<StoreOperation> operations;  // of the same VectorStore
  // How many of its stores may be at work at once, by maxConcurrentTransfers.
  int64_t transfers = INT64_MAX;
  // While it is deleted: the keys of the manifests that the repository still has of PossibleUids(),
  // by their uid; nothing when that could not be read.
  std::optional<std::map<std::string, std::string>> manifests_left;
};

using SnapshotPlan = Plan<StoreSnapshotStatus>;

// "" when nothing names one.
std::string RepositoryNameOf(const StoreSnapshot& snapshot, const VectorStore* store);
// Uids to ask the daemon of that pod for. Deterministic: of the snapshot, pod, store and attempt.
std::vector<Uuid> OperationsOf(const StoreSnapshot& snapshot, const std::string& pod_uid,
                               const std::vector<StoreView>& stores);
// Every uid that a snapshot in the repository may have which this object has begun, also what a
// pass that was cut short did not write down: a manifest's uid is that of its operation.
std::vector<Uuid> PossibleUids(const StoreSnapshot& snapshot);
// Of one that is deleted: by which a daemon, in that session, takes its manifests out of a volume
// repository. Others after ten minutes: what failed is tried again.
std::vector<Uuid> DeletionUids(const StoreSnapshot& snapshot, const std::string& session_id,
                               WallTime now);
Uuid SnapshotOperationUid(const Meta& snapshot, const std::string& pod_uid,
                          const std::string& store, int64_t attempt);

SnapshotPlan PlanSnapshot(const StoreSnapshot& snapshot, const SnapshotObserved& seen,
                          WallTime now);
// For one that is deleted.
SnapshotPlan PlanSnapshotDeletion(const StoreSnapshot& snapshot, const SnapshotObserved& seen,
                                  WallTime now);

}  // namespace pannier::control
