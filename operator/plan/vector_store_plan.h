// What becomes of a VectorStore: what its daemons say is folded into its status; a corrupt store
// gets a StoreOperation, an empty daemon its snapshots. Threads: pure functions.
#pragma once

#include <vector>

#include "operator/plan/daemon_view.h"
#include "operator/plan/inventory.h"
#include "operator/plan/plan.h"
#include "operator/plan/snapshot_states.h"
#include "operator/resource/snapshot_repository.h"
#include "operator/resource/vector_store.h"

namespace pannier::control {

// A pod that names the VectorStore in its label.
struct PodView {
  std::string uid, name;
  bool injected = false, deleting = false;
};

struct VectorStoreObserved {
  std::vector<PodView> pods;
  // Of each injected pod that is not deleting, reachable or not; with the operations of
  // BootstrapUids() that it knows.
  std::vector<DaemonView> daemons;
  std::optional<SnapshotRepository> repository;  // of spec.repositoryRef
  std::vector<StoreSnapshot> snapshots;          // of this VectorStore
  std::vector<StoreOperation> operations;        // of this VectorStore
  bool complete = true;                          // whether these two are all that there are
  // What the repository tells, when NeedsInventory(); nothing: it was not asked, or does not tell.
  std::optional<RepositoryInventory> inventory;
  std::string inventory_trouble;  // why it does not tell
};

using VectorStorePlan = Plan<VectorStoreStatus>;

inline constexpr size_t kRepairsPerPassMax = 10;
// So many stores, and such a part of all, corrupt at once are no defects of single stores.
inline constexpr int64_t kMassCorruptionMin = 5;
inline constexpr int64_t kMassCorruptionPercent = 20;
inline constexpr std::chrono::seconds kStatusInterval{30};

// The operations by which a daemon of that pod is filled.
std::vector<Uuid> BootstrapUids(const VectorStore& store, const std::string& pod_uid);
// The StoreOperation for the n-th step (from 1 on) against what befell a store at `since`.
std::string RepairName(const VectorStore& store, const UnhealthyStore& unhealthy, int64_t step);

VectorStorePlan PlanVectorStore(const VectorStore& store, const VectorStoreObserved& seen,
                                WallTime now);

}  // namespace pannier::control
