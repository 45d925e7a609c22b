// The stores of a StoreSnapshot, one daemon operation at a time each. Threads: pure functions.
#pragma once

#include <vector>

#include "operator/plan/store_snapshot_plan.h"

namespace pannier::control {

// One item for each store asked for on each reachable daemon, and a failed one for each daemon that
// is not, each pod that is named and gone, each store that is named and nobody's: what nobody knows
// of is not a success.
std::vector<SnapshotItem> ItemsToTake(const StoreSnapshotSpec& spec,
                                      const std::vector<DaemonView>& daemons);

// Those whose turn it is begin: as their first attempts are written down with them, nothing has to
// be written when they are asked for.
void BeginItems(const SnapshotObserved& seen, std::vector<SnapshotItem>* items);

// Whether it stands for all stores of a pod whose daemon does not answer, or that is gone.
bool IsUnknown(const SnapshotItem& item);
// Whether no daemon has this store.
bool IsMissing(const SnapshotItem& item);
// Whether pods of this name are to be taken.
bool IsOfPod(const StoreSnapshotSpec& spec, const std::string& pod_name);

// Brings the items of plan->status up to what daemons say; starts, grants and cancels operations.
void FollowItems(const StoreSnapshot& snapshot, const SnapshotObserved& seen, WallTime now,
                 SnapshotPlan* plan);
// Stops the operation of an item, if one was begun.
void CancelItem(const Meta& snapshot, const SnapshotItem& item, SnapshotPlan* plan);

// Counts and sorts: failures first.
void SumUp(StoreSnapshotStatus* status);
int64_t FailedOf(const std::vector<SnapshotItem>& items);
int64_t RunningOf(const std::vector<SnapshotItem>& items);
int64_t UnfinishedOf(const std::vector<SnapshotItem>& items);
bool AllVerified(const std::vector<SnapshotItem>& items);
// Running, Committing or Verifying, by the least of its items.
const char* PhaseOf(const StoreSnapshot& snapshot, const SnapshotObserved& seen);

}  // namespace pannier::control
