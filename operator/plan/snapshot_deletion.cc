// PlanSnapshotDeletion: what must happen before a StoreSnapshot may go.
#include <algorithm>

#include "operator/plan/snapshot_items.h"
#include "operator/plan/snapshot_pieces.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

constexpr std::chrono::seconds kWait{30};
// A deletion that failed is asked for again in the next of these, or by the daemon's next run.
constexpr std::chrono::seconds kAttempt{600};

// Deterministic, so that a pass that was cut short is not repeated under another name.
Uuid DeletionUid(const StoreSnapshot& snapshot, const Uuid& taken_by, const std::string& session,
                 WallTime now) {
  const auto since = now - snapshot.meta.deleted.value_or(now);
  return OperationUid({snapshot.meta.uid, "delete", taken_by.ToString(), session,
                       std::to_string(since / kAttempt)});
}

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
    const std::optional<Uuid> taken_by = Uuid::Parse(snapshot_uid);
    if (!taken_by) continue;
    const Uuid uid = DeletionUid(snapshot, *taken_by, daemon->session_id, now);
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
  const StoreSnapshot* whole = WholeOf(snapshot.meta, seen.siblings);
  if (snapshot.meta.annotations.count(kForceFinalize) != 0 ||
      (whole != nullptr && whole->meta.annotations.count(kForceFinalize) != 0)) {
    return "it is annotated with force-finalize";
  }
  if (seen.namespace_terminating) return "the namespace is being deleted";
  if (!seen.repository) return "its SnapshotRepository is gone";
  if (seen.repository->spec.access == AccessMode::kReadOnly) return "its repository is ReadOnly";
  if (!snapshot.status.repository_id.empty() &&
      seen.repository->status.repository_id != snapshot.status.repository_id) {
    return "its repository is another one now";
  }
  return "";
}

// Whether its pieces are still there; they go first, and their data with them.
bool RemovePieces(const StoreSnapshot& snapshot, const SnapshotObserved& seen, WallTime now,
                  SnapshotPlan* plan) {
  const std::vector<const StoreSnapshot*> pieces = PiecesOf(snapshot.meta, seen.siblings);
  for (const StoreSnapshot* piece : pieces) {
    if (piece->meta.IsDeleting() || plan->remove.size() == kPiecesPerPassMax) continue;
    plan->remove.push_back({kStoreSnapshotKind.plural, piece->meta.name, piece->meta.uid,
                            piece->meta.resource_version, "the snapshot it is a piece of goes"});
  }
  if (!pieces.empty()) plan->LookAt(now + std::chrono::seconds(2));
  return !pieces.empty();
}

// Of a piece also where the whole is held.
bool IsHeld(const StoreSnapshot& snapshot, const SnapshotObserved& seen) {
  const StoreSnapshot* whole = WholeOf(snapshot.meta, seen.siblings);
  return snapshot.spec.hold || (whole != nullptr && whole->spec.hold && !whole->meta.IsDeleting());
}

}  // namespace

std::vector<Uuid> DeletionUids(const StoreSnapshot& snapshot, const std::string& session,
                               WallTime now) {
  std::vector<Uuid> uids;
  for (const Uuid& taken_by : PossibleUids(snapshot)) {
    uids.push_back(DeletionUid(snapshot, taken_by, session, now));
  }
  return uids;
}

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
  const bool may_go = !IsHeld(snapshot, seen) && !IsPinned(snapshot, seen.operations);
  if ((may_go || !why.empty()) && RemovePieces(snapshot, seen, now, &plan)) return plan;
  if (!has_data || snapshot.spec.deletion == DeletionPolicy::kRetain) {
    plan.release = true;
  } else if (!why.empty()) {
    plan.release = true;
    plan.Warn("DataLeft", "the snapshot's data stays in the repository: " + why);
  } else if (IsHeld(snapshot, seen)) {
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
