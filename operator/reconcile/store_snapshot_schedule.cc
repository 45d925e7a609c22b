#include "operator/plan/store_snapshot_schedule_plan.h"
#include "operator/reconcile/live.h"
#include "operator/reconcile/own_object.h"
#include "operator/reconcile/reconcilers.h"

namespace pannier::control {
namespace {

ScheduleObserved Observe(const Context& context, const StoreSnapshotSchedule& schedule,
                         WallTime now, Pass* pass) {
  const std::string& ns = schedule.meta.name_space;
  Several<StoreSnapshot> ours = context.caches.By<StoreSnapshot>(kBySchedule, schedule.meta.uid);
  Several<StoreOperation> operations = context.caches.By<StoreOperation>(
      kByVectorStore, PlaceOf(ns, schedule.spec.snapshot.spec.vector_store.name));
  pass->complete = ours.complete && operations.complete;
  ScheduleObserved seen{std::move(ours.items), std::move(operations.items)};
  // Whichever has the name of what is due, also where it is not ours.
  if (const std::optional<WallTime> slot = DueSlot(schedule, seen.snapshots, now)) {
    auto taken = context.caches.Find<StoreSnapshot>(ns, SlotName(schedule.meta.name, *slot));
    const bool is_ours = taken && taken->meta.Label(kScheduleLabel) == schedule.meta.uid;
    if (taken && !is_ours) seen.snapshots.push_back(*std::move(taken));
  }
  return seen;
}

// A cache that is behind may know a newer snapshot that somebody has deleted since, and the one
// that it would have go is the last.
Status LookLive(Context& context, const StoreSnapshotSchedule& schedule, ScheduleObserved* seen,
                Pass* pass) {
  const std::string& ns = schedule.meta.name_space;
  Several<StoreSnapshot> ours = TRY(ListLive<StoreSnapshot>(
      context.api, ns, std::string(kScheduleLabel) + "=" + schedule.meta.uid));
  Several<StoreOperation> operations = TRY(
      ListLiveOf<StoreOperation>(context.api, ns, schedule.spec.snapshot.spec.vector_store.name));
  pass->complete = ours.complete && operations.complete;
  std::erase_if(seen->snapshots, [&](const StoreSnapshot& each) {
    return each.meta.Label(kScheduleLabel) == schedule.meta.uid;
  });
  for (StoreSnapshot& each : ours.items) seen->snapshots.push_back(std::move(each));
  seen->operations = std::move(operations.items);
  return {};
}

}  // namespace

Result<kube::Action> ReconcileSchedule(Context& context, const kube::ObjectKey& key) {
  const auto own = TRY(ReadOwn<StoreSnapshotSchedule>(context, key, "Ready"));
  if (!own || own->object.meta.IsDeleting()) return kube::Action::AwaitChange();
  const WallTime now = context.clock.Now();
  Pass pass{kSchedules, own->tree};
  ScheduleObserved seen = Observe(context, own->object, now, &pass);
  SchedulePlan plan = PlanSchedule(own->object, seen, now);
  if (!plan.remove.empty()) {
    TRY(LookLive(context, own->object, &seen, &pass));
    plan = PlanSchedule(own->object, seen, now);
  }
  return CarryOut(context, pass, own->object, plan, now);
}

}  // namespace pannier::control
