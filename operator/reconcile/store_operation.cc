#include <algorithm>

#include "operator/plan/store_operation_plan.h"
#include "operator/reconcile/own_object.h"
#include "operator/reconcile/reconcilers.h"

namespace pannier::control {
namespace {

// Daemons that may be asked: that of the pod which is named, or all.
std::vector<DaemonAddress> DaemonsFor(const Context& context, const StoreOperation& operation,
                                      const VectorStore& store) {
  std::vector<DaemonAddress> daemons = context.DaemonsOf(store);
  const std::string& pod = operation.spec.target.pod_name;
  std::erase_if(daemons,
                [&](const DaemonAddress& each) { return !pod.empty() && each.pod_name != pod; });
  return daemons;
}

OperationObserved Observe(Context& context, const StoreOperation& operation, Pass* pass) {
  const std::string& ns = operation.meta.name_space;
  const std::string place = PlaceOf(ns, operation.spec.vector_store.name);
  OperationObserved seen;
  seen.vector_store = context.caches.Find<VectorStore>(ns, operation.spec.vector_store.name);
  const auto& restore = operation.spec.action.restore;
  if (restore && restore->snapshot) {
    seen.source = context.caches.Find<StoreSnapshot>(ns, restore->snapshot->name);
  }
  const VectorStore* store = seen.vector_store ? &*seen.vector_store : nullptr;
  const StoreSnapshot* source = seen.source ? &*seen.source : nullptr;
  seen.repository =
      context.caches.Find<SnapshotRepository>(ns, RepositoryNameOf(operation, store, source));
  pass->repository = seen.repository;
  seen.pods_known = context.caches.Of(kube::kPods).synced();
  Several<StoreSnapshot> snapshots = context.caches.By<StoreSnapshot>(kByVectorStore, place);
  Several<StoreOperation> others = context.caches.By<StoreOperation>(kByVectorStore, place);
  pass->complete = snapshots.complete && others.complete;
  seen.snapshots = std::move(snapshots.items);
  seen.operations = Others(std::move(others.items), operation.meta.uid);
  if (store == nullptr) return seen;
  pass->daemons = DaemonsFor(context, operation, *store);
  seen.daemons =
      context.daemons.Look(pass->daemons, [&](const DaemonView&) { return UidsOf(operation); });
  return seen;
}

// Whether it may begin; one that a daemon works on goes on.
void TakeTurn(Context& context, const StoreOperation& operation, OperationObserved* seen) {
  if (!seen->repository || !operation.status.start || !ReadsRepository(operation.spec.action)) {
    return;
  }
  const Uuid uid = OperationAttemptUid(operation.meta, operation.status.attempt.value_or(1));
  const bool runs =
      std::any_of(seen->daemons.begin(), seen->daemons.end(), [&](const DaemonView& each) {
        const OperationView* found = each.Operation(uid);
        return found != nullptr && !found->HasEnded();
      });
  const std::string& ns = operation.meta.name_space;
  seen->may_transfer =
      context.transfers.Claim(
          {kOperations, {ns, operation.meta.name}}, PlaceOf(ns, seen->repository->meta.name),
          {runs ? 1 : 0, 1, seen->repository->spec.max_concurrent_transfers}) > 0;
}

}  // namespace

Result<kube::Action> ReconcileOperation(Context& context, const kube::ObjectKey& key) {
  const auto own = TRY(ReadOwn<StoreOperation>(context, key, "Succeeded"));
  const bool is_over = !own || own->object.meta.IsDeleting();
  if (is_over) context.transfers.Keep({kOperations, key}, 0);
  if (is_over) return kube::Action::AwaitChange();
  const StoreOperation& operation = own->object;
  Pass pass{kOperations, own->tree};
  OperationObserved seen;
  if (!IsTerminal(operation.status.conditions)) {
    seen = Observe(context, operation, &pass);
    TakeTurn(context, operation, &seen);
  }
  const WallTime now = context.clock.Now();
  const OperationPlanning plan = PlanOperation(operation, seen, now);
  if (IsTerminal(plan.status.conditions)) context.transfers.Keep({kOperations, key}, 0);
  return CarryOut(context, pass, operation, plan, now);
}

}  // namespace pannier::control
