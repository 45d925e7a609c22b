#include <algorithm>

#include "operator/plan/snapshot_items.h"
#include "operator/plan/store_snapshot_plan.h"
#include "operator/reconcile/live.h"
#include "operator/reconcile/own_object.h"
#include "operator/reconcile/reconcilers.h"
#include "operator/reconcile/volume_repository.h"

namespace pannier::control {
namespace {

using Keys = std::map<std::string, std::string>;

bool IsTerminating(Context& context, const std::string& ns) {
  const auto found = context.api.Get(kube::kNamespaces, {"", ns});
  // Who may not read namespaces learns it from the API when it goes.
  return found.ok() && !kube::TextAt(*found, "/metadata/deletionTimestamp").empty();
}

// Below whose name its manifests lie: the VectorStore may be gone by now.
std::string OwnerOf(const StoreSnapshot& snapshot, const SnapshotObserved& seen) {
  for (const SnapshotItem& item : snapshot.status.items) {
    const size_t begin = item.manifest_key.find('/');
    const size_t end = item.manifest_key.find('/', begin + 1);
    if (begin != std::string::npos && end != std::string::npos) {
      return item.manifest_key.substr(begin + 1, end - begin - 1);
    }
  }
  return seen.vector_store ? seen.vector_store->meta.uid : "";
}

// Nothing: it could not be read.
std::optional<Keys> ManifestsLeft(Context& context, const StoreSnapshot& snapshot,
                                  const SnapshotObserved& seen, const Pass& pass) {
  const std::vector<Uuid> uids = PossibleUids(snapshot);
  if (uids.empty()) return Keys();
  // Where it is known not to answer nobody waits for it: that would keep others from their turn.
  if (!seen.repository || !IsTrue(seen.repository->status.conditions, "Ready")) {
    return std::nullopt;
  }
  if (!seen.repository->spec.s3) {
    return FindInVolume(context.daemons, pass.daemons, seen.daemons, seen.repository->meta.name,
                        uids);
  }
  const std::string owner = OwnerOf(snapshot, seen);
  if (owner.empty()) return Keys();  // none was ever committed that anybody could know of
  const Result<RepositorySecrets> secrets = context.secrets.Of(*seen.repository);
  if (!secrets.ok()) return std::nullopt;
  Result<Keys> found = context.s3.FindManifests(*seen.repository, *secrets, owner, uids);
  return found.ok() ? std::optional(std::move(found).value()) : std::nullopt;
}

void Look(Context& context, const StoreSnapshot& snapshot, Pass* pass, SnapshotObserved* seen) {
  if (!seen->vector_store) return;
  pass->daemons = context.DaemonsOf(*seen->vector_store);
  const WallTime now = context.clock.Now();
  seen->daemons = context.daemons.Look(pass->daemons, [&](const DaemonView& daemon) {
    std::vector<Uuid> uids = OperationsOf(snapshot, daemon.pod_uid, daemon.stores);
    if (!snapshot.meta.IsDeleting()) return uids;
    for (const Uuid& uid : PossibleUids(snapshot)) uids.push_back(uid);
    for (const Uuid& uid : DeletionUids(snapshot, daemon.session_id, now)) uids.push_back(uid);
    return uids;
  });
}

// From the caches.
SnapshotObserved Observe(const Context& context, const StoreSnapshot& snapshot, Pass* pass) {
  const std::string& ns = snapshot.meta.name_space;
  const std::string place = PlaceOf(ns, snapshot.spec.vector_store.name);
  SnapshotObserved seen;
  seen.vector_store = context.caches.Find<VectorStore>(ns, snapshot.spec.vector_store.name);
  const VectorStore* store = seen.vector_store ? &*seen.vector_store : nullptr;
  seen.repository = context.caches.Find<SnapshotRepository>(ns, RepositoryNameOf(snapshot, store));
  pass->repository = seen.repository;
  Several<StoreSnapshot> snapshots = context.caches.By<StoreSnapshot>(kByVectorStore, place);
  Several<StoreOperation> operations = context.caches.By<StoreOperation>(kByVectorStore, place);
  pass->complete = snapshots.complete && operations.complete;
  seen.siblings = Others(std::move(snapshots.items), snapshot.meta.uid);
  seen.operations = std::move(operations.items);
  return seen;
}

// Before it expires: whether it is the last sound one, or in use, is not for a cache to say.
Status LookLive(Context& context, const StoreSnapshot& snapshot, SnapshotObserved* seen,
                Pass* pass) {
  const std::string& ns = snapshot.meta.name_space;
  const std::string& store = snapshot.spec.vector_store.name;
  Several<StoreSnapshot> snapshots = TRY(ListLiveOf<StoreSnapshot>(context.api, ns, store));
  Several<StoreOperation> operations = TRY(ListLiveOf<StoreOperation>(context.api, ns, store));
  pass->complete = snapshots.complete && operations.complete;
  seen->siblings = Others(std::move(snapshots.items), snapshot.meta.uid);
  seen->operations = std::move(operations.items);
  return {};
}

Result<kube::Action> Delete(Context& context, const OwnObject<StoreSnapshot>& own) {
  const StoreSnapshot& snapshot = own.object;
  if (!snapshot.meta.HasFinalizer(kSnapshotFinalizer)) return kube::Action::AwaitChange();
  Pass pass{kSnapshots, own.tree};
  SnapshotObserved seen = Observe(context, snapshot, &pass);
  seen.namespace_terminating = IsTerminating(context, snapshot.meta.name_space);
  const bool in_volume = seen.repository && !seen.repository->spec.s3;
  if (in_volume || !IsTerminal(snapshot.status.conditions)) Look(context, snapshot, &pass, &seen);
  if (snapshot.spec.deletion == DeletionPolicy::kDelete && !seen.namespace_terminating) {
    seen.manifests_left = ManifestsLeft(context, snapshot, seen, pass);
  }
  const WallTime now = context.clock.Now();
  const SnapshotPlan plan = PlanSnapshotDeletion(snapshot, seen, now);
  return CarryOut(context, pass, snapshot, plan, now);
}

Transfers::Who WhoIs(const StoreSnapshot& snapshot) {
  return {kSnapshots, {snapshot.meta.name_space, snapshot.meta.name}};
}

// What it may have at work in this pass. One that waits for its first turn asks no daemon.
void TakeTurn(Context& context, const StoreSnapshot& snapshot, SnapshotObserved* seen) {
  if (!seen->repository) return;
  const std::vector<SnapshotItem>& items = snapshot.status.items;
  const std::string place = PlaceOf(snapshot.meta.name_space, seen->repository->meta.name);
  seen->transfers =
      context.transfers.Claim(WhoIs(snapshot), place,
                              {RunningOf(items), items.empty() ? 1 : UnfinishedOf(items),
                               seen->repository->spec.max_concurrent_transfers});
}

// What it holds after the pass: while it is queued nothing, else its turn.
void KeepTurn(Context& context, const StoreSnapshot& snapshot, const SnapshotObserved& seen,
              const StoreSnapshotStatus& planned) {
  const int64_t unfinished = UnfinishedOf(planned.items);
  context.transfers.Keep(WhoIs(snapshot), std::min(seen.transfers, unfinished));
}

// One that has ended costs nothing until it expires.
bool HasNothingToDo(const StoreSnapshot& snapshot, WallTime now) {
  return IsTerminal(snapshot.status.conditions) &&
         (!snapshot.status.expiration || now < *snapshot.status.expiration);
}

}  // namespace

Result<kube::Action> ReconcileSnapshot(Context& context, const kube::ObjectKey& key) {
  const auto own = TRY(ReadOwn<StoreSnapshot>(context, key, "Succeeded"));
  if (!own || own->object.meta.IsDeleting()) context.transfers.Keep({kSnapshots, key}, 0);
  if (!own) return kube::Action::AwaitChange();
  const StoreSnapshot& snapshot = own->object;
  if (snapshot.meta.IsDeleting()) return Delete(context, *own);
  const WallTime now = context.clock.Now();
  Pass pass{kSnapshots, own->tree};
  SnapshotObserved seen;
  if (!HasNothingToDo(snapshot, now)) {
    seen = Observe(context, snapshot, &pass);
    const bool is_divided = snapshot.status.pieces.value_or(0) > 0;
    if (!IsTerminal(snapshot.status.conditions) && !is_divided) {
      if (!snapshot.status.pieces) TakeTurn(context, snapshot, &seen);
      const bool has_begun = !snapshot.status.items.empty();
      if (has_begun || seen.transfers > 0) Look(context, snapshot, &pass, &seen);
    }
  }
  SnapshotPlan plan = PlanSnapshot(snapshot, seen, now);
  if (!plan.remove.empty()) {
    TRY(LookLive(context, snapshot, &seen, &pass));
    plan = PlanSnapshot(snapshot, seen, now);
  }
  KeepTurn(context, snapshot, seen, plan.status);
  return CarryOut(context, pass, snapshot, plan, now);
}

}  // namespace pannier::control
