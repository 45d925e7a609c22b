#include <algorithm>

#include "operator/plan/bootstrap.h"
#include "operator/reconcile/own_object.h"
#include "operator/reconcile/pods.h"
#include "operator/reconcile/reconcilers.h"
#include "operator/reconcile/volume_repository.h"

namespace pannier::control {
namespace {

constexpr const char* kNoCertificate = "NoCertificate";
constexpr std::chrono::seconds kNoCertificateLook{10};

Result<RepositoryInventory> TakeInventory(Context& context, const VectorStore& store,
                                          const VectorStoreObserved& seen, const Pass& pass) {
  const ClaimRule rule = ClaimRuleOf(store.meta);
  if (!seen.repository->spec.s3) {
    return InventoryOf(TRY(SnapshotsOfVolume(context.daemons, pass.daemons, seen.daemons,
                                             seen.repository->meta.name)),
                       rule);
  }
  const RepositorySecrets secrets = TRY(context.secrets.Of(*seen.repository));
  return context.s3.Inventory(*seen.repository, secrets, rule);
}

VectorStoreObserved Observe(Context& context, const VectorStore& store, Pass* pass) {
  const std::string& ns = store.meta.name_space;
  const std::string place = PlaceOf(ns, store.meta.name);
  VectorStoreObserved seen;
  seen.pods = ViewsOf(context.caches.PodsOf(store));
  if (store.spec.repository_ref) {
    seen.repository = context.caches.Find<SnapshotRepository>(ns, store.spec.repository_ref->name);
  }
  pass->repository = seen.repository;
  Several<StoreSnapshot> snapshots = context.caches.By<StoreSnapshot>(kByVectorStore, place);
  Several<StoreOperation> operations = context.caches.By<StoreOperation>(kByVectorStore, place);
  pass->complete = snapshots.complete && operations.complete;
  seen.snapshots = std::move(snapshots.items);
  seen.operations = std::move(operations.items);
  seen.complete = pass->complete;
  pass->daemons = context.DaemonsOf(store);
  seen.daemons = context.daemons.Look(pass->daemons, [&](const DaemonView& daemon) {
    return daemon.awaiting_bootstrap ? BootstrapUids(store, daemon.pod_uid) : std::vector<Uuid>();
  });
  if (!NeedsInventory(store, seen, context.clock.Now())) return seen;
  Result<RepositoryInventory> taken = TakeInventory(context, store, seen, *pass);
  if (taken.ok()) {
    seen.inventory = std::move(taken).value();
  } else {
    seen.inventory_trouble = taken.error().what;
  }
  return seen;
}

// Without it no pod of the VectorStore begins. A person has to help, or the garbage collector,
// which may not yet have removed the Secret of a VectorStore of this name that there was before.
Result<kube::Action> TellNoCertificate(Context& context, const OwnObject<VectorStore>& own,
                                       const Error& why) {
  const WallTime now = context.clock.Now();
  const std::string message = why.what + (why.hint.empty() ? "" : "; " + why.hint);
  VectorStorePlan plan;
  plan.status = own.object.status;
  if (ReasonOf(plan.status.conditions, "Ready") != kNoCertificate) {
    plan.Warn(kNoCertificate, message);
  }
  Set(&plan.status.conditions,
      {"Ready", Truth::kFalse, kNoCertificate, message, own.object.meta.generation}, now);
  plan.LookAt(now + kNoCertificateLook);
  return CarryOut(context, Pass{kVectorStores, own.tree}, own.object, plan, now);
}

}  // namespace

Result<kube::Action> ReconcileVectorStore(Context& context, const kube::ObjectKey& key) {
  const auto own = TRY(ReadOwn<VectorStore>(context, key, "Ready"));
  if (!own || own->object.meta.IsDeleting()) return kube::Action::AwaitChange();
  const VectorStore& store = own->object;
  // Before any pod begins, which could not mount it otherwise.
  const Status kept = context.keep_admin_secret(store);
  if (kept.Is(Errc::kPermissionDenied)) return TellNoCertificate(context, *own, kept.error());
  TRY(Status(kept).Context("the daemons' certificate"));
  Pass pass{kVectorStores, own->tree};
  VectorStoreObserved seen;
  if (!store.spec.suspend) seen = Observe(context, store, &pass);
  const WallTime now = context.clock.Now();
  const VectorStorePlan plan = PlanVectorStore(store, seen, now);
  return CarryOut(context, pass, store, plan, now);
}

}  // namespace pannier::control
