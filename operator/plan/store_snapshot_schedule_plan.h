// What becomes of a StoreSnapshotSchedule: the snapshot that is due, and those that are not kept.
// Threads: pure functions.
#pragma once

#include <vector>

#include "operator/plan/plan.h"
#include "operator/plan/snapshot_states.h"
#include "operator/resource/store_snapshot_schedule.h"

namespace pannier::control {

struct ScheduleObserved {
  // All StoreSnapshots of the namespace with our label, and whichever has the name of DueSlot().
  // Only from a cache that has synced: what is missing is made.
  std::vector<StoreSnapshot> snapshots;
  std::vector<StoreOperation> operations;  // of the VectorStore of the template
};

using SchedulePlan = Plan<StoreSnapshotScheduleStatus>;

inline constexpr size_t kRetentionDeletionsMax = 10;

// The time due last that has not been dealt with; nothing when there is none, or the schedule is
// none.
std::optional<WallTime> DueSlot(const StoreSnapshotSchedule& schedule,
                                const std::vector<StoreSnapshot>& ours, WallTime now);

SchedulePlan PlanSchedule(const StoreSnapshotSchedule& schedule, const ScheduleObserved& seen,
                          WallTime now);

}  // namespace pannier::control
