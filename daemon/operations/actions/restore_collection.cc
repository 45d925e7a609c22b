#include "daemon/operations/actions/restore_collection.h"

#include "daemon/store/fork.h"
#include "daemon/store/merge.h"
#include "daemon/store/offline_store.h"

namespace pannier::operations {
namespace {

using store::CallContext;
using store::Store;

// Leaves only the wanted collection in the fetched store.
Result<std::shared_ptr<Store>> OpenWithOnly(Services& services, const std::string& folder,
                                            const RestorePlan& plan, const CallContext& call) {
  const std::shared_ptr<Store> store =
      TRY(store::OpenOfflineStore(folder, services.settings.store, services.files));
  if (!store->FindCollection(plan.collection)) {
    return NoSuchCollection(plan);
  }
  for (const store::CollectionPtr& each : store->ListCollections(std::nullopt, 0)) {
    if (each->name != plan.collection) TRY(store->DeleteCollection(each->name, call));
  }
  return store;
}

Status Exchange(Services& services, Context& context, const RestorePlan& plan,
                const std::string& folder, const std::string& copy, const CallContext& call) {
  const std::shared_ptr<Store> snapshot = TRY(OpenWithOnly(services, folder, plan, call));
  std::shared_ptr<Store> current =
      TRY(store::OpenOfflineStore(copy, services.settings.store, services.files));
  if (current->FindCollection(plan.collection)) {
    TRY(current->DeleteCollection(plan.collection, call));
  }
  TRY(store::MergeStores(*snapshot, *current, store::OnConflict::kReplace, call,
                         context.Progress()));
  return store::FinishOfflineStore(std::move(current), copy, services.files);
}

}  // namespace

Result<std::optional<Uuid>> RestoreCollection(Services& services, Context& context,
                                              const RestorePlan& plan, const std::string& folder,
                                              const Staging& staging,
                                              std::chrono::seconds quarantine) {
  TRY(context.Enter("copying the present store"));
  const CallContext call{context.deadline()};
  const store::WriteFence fence = TRY(
      services.stores.FenceWrites(plan.target.tenant, plan.target.database, context.deadline()));
  const std::string copy = TRY(staging.MakeFolder("present"));
  {
    const store::StoreRef present = TRY(Acquire(services, plan.target));
    TRY(store::CopyStore(*present, copy, services.files, call, context.Progress()));
  }
  TRY(context.Enter("putting the collection in"));
  TRY(Exchange(services, context, plan, folder, copy, call));
  TRY(services.files.SyncDirectory(staging.path()));
  TRY(context.Enter("replacing"));
  return PutInPlace(services, plan.operation, plan.target, copy, "restore", quarantine,
                    context.deadline());
}

}  // namespace pannier::operations
