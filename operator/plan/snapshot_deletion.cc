// PlanSnapshotDeletion: what must happen before a StoreSnapshot may go.
#include <algorithm>

#include "operator/plan/snapshot_items.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

constexpr std::chrono::seconds kWait{30};

// A manifest is deleted first; the chunks that nobody needs then are the sweep's.
void DeleteData(const StoreSnapshot& snapshot, const SnapshotObserved& seen, WallTime now,
                SnapshotPlan* plan) {
  if (!seen.manifests_left) {
    plan->Warn("RepositoryUnavailable",
               "the repository cannot be read; the snapshot's data is deleted when it can. To let "
               "the object go without it, annotate it with pannier.dev/force-finalize=true");
    return plan->LookAt(now + kWait);
  }
  if (seen.manifests_left->empty()) {
    plan->release = true;
    return;
  }
  plan->LookAt(now + std::chrono::seconds(5));
  if (seen.repository->spec.s3) {
    for (const auto& [uid, key] : *seen.manifests_left)
      plan->repository_deletes.push_back({key, uid});
    return;
  }
  const auto daemon = std::find_if(seen.daemons.begin(), seen.daemons.end(),
                                   [](const DaemonView& each) { return each.reachable; });
  if (daemon == seen.daemons.end()) return;
  for (const auto& [snapshot_uid, key] : *seen.manifests_left) {
    // One that failed is asked for again by the next run of the daemon.
    const Uuid uid = OperationUid({snapshot.meta.uid, "delete", snapshot_uid, daemon->session_id});
    if (daemon->Operation(uid) != nullptr) continue;
    plan->start.push_back({daemon->pod_uid,
                           uid,
                           {{"action", "snapshotDelete"},
                            {"repository", seen.repository->meta.name},
                            {"snapshot", snapshot_uid}}});
  }
}

// Whether a daemon may still be at work on it. One that does not answer is waited for as long as
// its operation may take, which began within timeoutSeconds and has as many.
bool IsAtWork(const StoreSnapshot& snapshot, const SnapshotObserved& seen, WallTime now) {
  const auto& status = snapshot.status;
  if (!status.start ||
      now >= *status.start + 2 * std::chrono::seconds(snapshot.spec.timeout_seconds)) {
    return false;
  }
  return std::any_of(status.items.begin(), status.items.end(), [&](const SnapshotItem& item) {
    if (item.state == ItemState::kSucceeded ||
        (item.attempt == 0 && item.state == ItemState::kFailed))
      return false;
    const DaemonView* daemon = FindDaemon(seen.daemons, item.pod_uid);
    if (daemon == nullptr) return false;
    if (!daemon->reachable) return true;
    for (int64_t attempt = std::max<int64_t>(item.attempt, 1); attempt <= item.attempt + 1;
         ++attempt) {
      const OperationView* operation = daemon->Operation(
          SnapshotOperationUid(snapshot.meta, item.pod_uid, item.store_name, attempt));
      if (operation != nullptr && !operation->HasEnded()) return true;
    }
    return false;
  });
}

// Why the object may go at once although its data stays; "" when it may not.
std::string WhyLetGo(const StoreSnapshot& snapshot, const SnapshotObserved& seen) {
  if (snapshot.meta.annotations.count(kForceFinalize) != 0)
    return "it is annotated with force-finalize";
  if (seen.namespace_terminating) return "the namespace is being deleted";
  if (!seen.repository) return "its SnapshotRepository is gone";
  if (seen.repository->spec.access == AccessMode::kReadOnly) return "its repository is ReadOnly";
  if (!snapshot.status.repository_id.empty() &&
      seen.repository->status.repository_id != snapshot.status.repository_id) {
    return "its repository is another one now";
  }
  return "";
}

}  // namespace

SnapshotPlan PlanSnapshotDeletion(const StoreSnapshot& snapshot, const SnapshotObserved& seen,
                                  WallTime now) {
  SnapshotPlan plan;
  plan.status = snapshot.status;
  if (!snapshot.meta.HasFinalizer(kSnapshotFinalizer)) return plan;
  for (const SnapshotItem& item : snapshot.status.items) {
    if (item.state != ItemState::kSucceeded && IsAtWork(snapshot, seen, now)) {
      CancelItem(snapshot.meta, item, &plan);
    }
  }
  const bool has_data = !snapshot.status.repository_name.empty();
  const std::string why = WhyLetGo(snapshot, seen);
  if (!has_data || snapshot.spec.deletion == DeletionPolicy::kRetain) {
    plan.release = true;
  } else if (!why.empty()) {
    plan.release = true;
    plan.Warn("DataLeft", "the snapshot's data stays in the repository: " + why);
  } else if (snapshot.spec.hold) {
    plan.Warn("Held", "spec.hold keeps it; set it to false to let it go");
    plan.LookAt(now + std::chrono::hours(1));
  } else if (IsPinned(snapshot, seen.operations)) {
    plan.Tell("InUse", "a StoreOperation restores from it");
    plan.LookAt(now + kWait);
  } else if (IsAtWork(snapshot, seen, now)) {
    plan.LookAt(now + std::chrono::seconds(5));
  } else {
    DeleteData(snapshot, seen, now, &plan);
  }
  return plan;
}

}  // namespace pannier::control
