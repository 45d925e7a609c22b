#include "operator/plan/store_cleanup_policy_plan.h"

#include "operator/reconcile/cleanup_observer.h"
#include "operator/reconcile/own_object.h"
#include "operator/reconcile/reconcilers.h"

namespace pannier::control {
namespace {

// What a plan collects in repositories, after the run was written down.
Status Collect(Context& context, const StoreCleanupPolicy& policy, const CleanupPlan& plan,
               const Pass& pass, WallTime slot) {
  for (const auto& [name, grace] : plan.collect) {
    const auto repository = context.caches.Find<SnapshotRepository>(policy.meta.name_space, name);
    if (!repository) continue;
    const int64_t epoch = TRY(context.Epoch());
    if (repository->spec.s3) {
      const RepositorySecrets secrets = TRY(context.secrets.Of(*repository));
      TRY(context.s3.Collect(*repository, secrets, grace));
      continue;
    }
    for (const DaemonAddress& daemon : pass.daemons) {
      const Uuid uid = OperationUid(
          {policy.meta.uid, "collect", name, std::to_string(slot.time_since_epoch().count())});
      const nlohmann::json body = {
          {"action", "repositoryGc"}, {"repository", name}, {"graceSeconds", grace.count()}};
      if (context.daemons.Start(daemon, uid, body, epoch).ok()) break;
    }
  }
  return {};
}

}  // namespace

Result<kube::Action> ReconcilePolicy(Context& context, const kube::ObjectKey& key) {
  const auto own = TRY(ReadOwn<StoreCleanupPolicy>(context, key, "Ready"));
  if (!own || own->object.meta.IsDeleting()) return kube::Action::AwaitChange();
  const StoreCleanupPolicy& policy = own->object;
  const WallTime now = context.clock.Now();
  const std::optional<WallTime> slot = CleanupSlot(policy, now);
  Pass pass{kPolicies, own->tree};
  CleanupObserved seen;
  if (slot) {
    CleanupObserver observer(context, policy, *slot);
    if (!TRY(observer.Observe())) return kube::Action::After(std::chrono::seconds(3));
    pass.daemons = observer.daemons();
    seen = observer.TakeSeen();
  }
  const CleanupPlan plan = PlanCleanup(policy, seen, now);
  const kube::Action next = TRY(CarryOut(context, pass, policy, plan, now));
  if (slot && seen.errors.empty()) {
    TRY(Collect(context, policy, plan, pass, *slot).Context("collect in a repository"));
  }
  return next;
}

}  // namespace pannier::control
