#include "daemon/operations/actions/restore_steps.h"

#include "daemon/operations/actions/restore_collection.h"
#include "daemon/operations/members.h"
#include "daemon/snapshot/snapshot.h"
#include "daemon/store/store_check.h"
#include "lib/core/time_text.h"

namespace pannier::operations {
namespace {

using contract::Manifest;
using nlohmann::json;

// What the target holds now and will not hold afterwards, in seconds of writing at most.
int64_t LossSeconds(Services& services, const RestorePlan& plan) {
  const bool same_name = ToString(plan.target) == ToString(plan.snapshot.store);
  if (!plan.exists && !same_name) return 0;  // a copy under another name
  if (plan.exists && same_name && SequenceOf(services, plan.target) == plan.snapshot.ref.sequence) {
    return 0;
  }
  return SecondsSince(plan.snapshot.time, services.clock.Now()).count();
}

json StepsOf(const Request& request, const RestorePlan& plan) {
  const std::string target = ToString(plan.target);
  json steps = json::array();
  steps.push_back("fetch " + std::to_string(plan.snapshot.bytes) + " bytes from " +
                  request.repository + " to staging");
  steps.push_back("check every record of it");
  if (!plan.collection.empty()) {
    steps.push_back("refuse writes of " + target + ", and put collection " + plan.collection +
                    " into a copy of it");
  }
  if (plan.exists) {
    steps.push_back("put it in the place of " + target);
    steps.push_back("keep the old one in quarantine");
  } else {
    steps.push_back("make it the new store " + target);
  }
  return steps;
}

}  // namespace

json PlanJson(Services& services, const Request& request, const RestorePlan& plan) {
  return {{"source",
           {{"repository", request.repository},
            {"snapshot", plan.snapshot.ref.uid.ToString()},
            {"store", ToString(plan.snapshot.store)},
            {"owner", plan.snapshot.ref.owner.ToString()}}},
          {"store", ToString(plan.target)},
          {"sequence", plan.snapshot.ref.sequence},
          {"time", FormatTime(plan.snapshot.time)},
          {"bytes", plan.snapshot.bytes},
          {"records", plan.snapshot.records},
          {"verified", plan.snapshot.sound()},
          {"dataLossSeconds", LossSeconds(services, plan)},
          {"steps", StepsOf(request, plan)}};
}

Result<std::string> FetchAndCheck(Services& services, Context& context,
                                  repository::Repository& repository, const RestorePlan& plan,
                                  const Staging& staging, const std::string& name) {
  TRY(context.Enter("fetching"));
  const Manifest manifest = TRY(repository.ReadManifest(plan.snapshot.ref.key, context.deadline()));
  const std::string folder = TRY(staging.MakeFolder(name));
  TRY(snapshot::Fetch(manifest, repository, folder, snapshot::Fetched::kDurable,
                      services.settings.transfers, services.files, context.deadline(),
                      context.Progress()));
  TRY(services.files.SyncDirectory(staging.path()));
  TRY(context.Enter("checking"));
  const store::CheckReport report = TRY(store::CheckStoreFile(
      folder, store::CheckLevel::kFull, services.settings.store.sqlite_vfs, context.Progress()));
  const bool as_promised =
      report.sound && report.sequence == manifest.sequence && report.records == manifest.records;
  if (as_promised) return folder;
  return Corruption("snapshot " + manifest.uid.ToString() + " is not what its manifest says: " +
                        (report.damage.empty() ? "other counts" : report.damage.front().what),
                    "choose another snapshot; verify this one");
}

Result<std::optional<Uuid>> RestoreStore(Services& services, Context& context,
                                         repository::Repository& repository,
                                         const RestorePlan& plan, const Staging& staging,
                                         const std::string& name, std::chrono::seconds quarantine) {
  const std::string folder = TRY(FetchAndCheck(services, context, repository, plan, staging, name));
  if (!plan.collection.empty()) {
    return RestoreCollection(services, context, plan, folder, staging, quarantine);
  }
  TRY(context.Enter("replacing"));
  return PutInPlace(services, plan.operation, plan.target, folder, "restore", quarantine,
                    context.deadline());
}

Result<json> RestoredJson(Services& services, const RestorePlan& plan) {
  const store::StoreRef store = TRY(Acquire(services, plan.target).Context("open what came back"));
  uint64_t records = 0;
  const store::CallContext call{services.clock.Steady() + std::chrono::seconds(60)};
  for (const store::CollectionPtr& collection : store->ListCollections(std::nullopt, 0)) {
    Result<uint64_t> count = store->Count(collection->id, call);
    if (count.Is(Errc::kNotFound)) continue;  // deleted by a worker meanwhile
    records += TRY(std::move(count));
  }
  return json{{"store", ToString(plan.target)},
              {"sequence", plan.snapshot.ref.sequence},
              {"records", records}};
}

}  // namespace pannier::operations
