#include "daemon/operations/actions/restore_steps.h"

#include "daemon/operations/actions/granted_repository.h"
#include "daemon/operations/actions/restore_collection.h"
#include "daemon/operations/actions/verification.h"
#include "daemon/operations/members.h"
#include "daemon/snapshot/snapshot.h"
#include "daemon/store/store_check.h"
#include "lib/core/log.h"
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
                  RepositoryWord(request) + " to staging");
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

// The repository has lost a part of the snapshot. Recorded, so that the next attempt takes another.
Error Incomplete(Services& services, Context& context, repository::Repository& repository,
                 const Manifest& manifest, const Error& found) {
  repository::Verification verification;
  verification.time = services.clock.Now();
  verification.message = found.what;
  const Status recorded =
      repository.RecordVerification(RefOf(manifest), verification, context.deadline());
  if (!recorded.ok()) {
    LogWarn("that a snapshot is unsound was not recorded").Add("error", recorded.error().what);
  }
  const std::string what = "snapshot " + manifest.uid.ToString() + ": " + found.what;
  services.events.Warning("SnapshotUnsound", ToString({manifest.tenant, manifest.database}), what,
                          "take another snapshot; check the repository's disk or bucket");
  return Corruption(what,
                    "ask again for the latest: an older one is taken now; `pannierctl snapshot "
                    "verify` looks at this one anew");
}

}  // namespace

Error NoSuchCollection(const RestorePlan& plan) {
  return NotFound("snapshot " + plan.snapshot.ref.uid.ToString() + " has no collection \"" +
                      plan.collection + "\"",
                  "`pannierctl snapshot show` lists its collections");
}

json PlanJson(Services& services, const Request& request, const RestorePlan& plan) {
  return {{"source",
           {{"repository", RepositoryWord(request)},
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
  TRY(CheckRoom(services, manifest.bytes()));
  repository.objects().ExpectGets(ChunkKeys(manifest));
  const Status fetched = snapshot::Fetch(manifest, repository, folder, snapshot::Fetched::kDurable,
                                         services.settings.transfers, services.files,
                                         context.deadline(), context.Progress());
  if (fetched.Is(Errc::kCorruption) || fetched.Is(Errc::kNotFound)) {
    return Incomplete(services, context, repository, manifest, fetched.error());
  }
  TRY(Status(fetched));
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
