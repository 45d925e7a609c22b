// salvage: what can be read of a damaged store takes its place.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/restore_steps.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using repository::Repository;

class Salvage final : public ActionRunner {
 public:
  explicit Salvage(Services& services) : services_(services) {}
  Status Check(const Request& request) override {
    if (!request.repository.empty()) TRY(services_.repositories.CheckName(request.repository));
    TRY(FindDatabase(services_, *request.store));
    return {};
  }
  std::vector<Hold> Holds(const Request& request) const override { return HoldsOfRequest(request); }
  Result<json> Run(Context& context) override;

 private:
  Result<json> Mend(Context& context, const RestorePlan* source, Repository* repository);
  Result<std::optional<RestorePlan>> Source(Context& context, Repository& repository);
  Result<json> RunInChild(Context& context, const std::string& damaged, const std::string& snapshot,
                          const std::string& fresh);
  Status CheckLoss(const Request& request, const json& report) const;
  void Say(const StoreName& store, const json& report);

  Services& services_;
};

// The newest snapshot that was found sound; gaps are filled from nothing less.
Result<std::optional<RestorePlan>> Salvage::Source(Context& context, Repository& repository) {
  const StoreName& store = *context.request().store;
  auto listing = TRY(
      services_.finder.List(repository, store, services_.stores.instance_id(), context.deadline()));
  for (FoundSnapshot& snapshot : listing.snapshots) {
    TRY(SnapshotFinder::ReadVerification(repository, snapshot, context.deadline()));
    if (!snapshot.sound()) continue;
    RestorePlan plan;
    plan.snapshot = std::move(snapshot);
    plan.target = store;
    return std::optional(std::move(plan));
  }
  return std::optional<RestorePlan>();
}

Result<json> Salvage::Run(Context& context) {
  const Request& request = context.request();
  std::unique_ptr<Repository> repository;
  std::optional<RestorePlan> source;
  if (!request.repository.empty()) {
    repository = TRY(services_.repositories.Open(request.repository, context.deadline()));
    source = TRY(Source(context, *repository));
  }
  const store::StoreInfo info =
      TRY(services_.stores.Describe(request.store->tenant, request.store->database));
  context.SetPlan(
      {{"store", ToString(*request.store)},
       {"bytes", info.bytes_on_disk},
       {"snapshot", source ? json(source->snapshot.ref.uid.ToString()) : json(nullptr)}});
  if (request.dry_run) return json::object();
  if (context.happened()) {
    const auto old = TRY(LastQuarantined(services_, *request.store, "salvage"));
    services_.metrics.OnSalvage(ResultWord(true));
    return json{{"quarantined", UuidJson(old)},
                {"messages", {"a restart came after the salvage; its counts were not kept"}}};
  }
  Result<json> result = Mend(context, source ? &*source : nullptr, repository.get());
  services_.metrics.OnSalvage(ResultWord(result.ok()));
  return result;
}

Result<json> Salvage::Mend(Context& context, const RestorePlan* source, Repository* repository) {
  const Request& request = context.request();
  const StoreName& store = *request.store;
  const Staging staging = TRY(Staging::Make(services_, request.uid));
  std::string snapshot;
  if (source != nullptr) {
    snapshot = TRY(FetchAndCheck(services_, context, *repository, *source, staging, "snapshot"));
  }
  const std::string from = TRY(FolderOf(services_, store));
  TRY(CheckRoom(services_, 2 * TRY(file::DiskUsage(services_.files, from))));
  TRY(context.Enter("copying"));
  const store::WriteFence fence =
      TRY(services_.stores.FenceWrites(store.tenant, store.database, context.deadline()));
  const std::string damaged = TRY(staging.MakeFolder("damaged"));
  TRY(CopyFiles(services_, context, from, damaged));
  const std::string fresh = TRY(staging.MakeFolder("fresh"));
  TRY(context.Enter("salvaging"));
  json report = TRY(RunInChild(context, damaged, snapshot, fresh));
  TRY(CheckLoss(request, report));
  TRY(context.Enter("checking"));
  const store::CheckReport check = TRY(store::CheckStoreFile(
      fresh, store::CheckLevel::kFull, services_.settings.store.sqlite_vfs, context.Progress()));
  if (!check.sound) return Internal("what the salvage made is not sound; nothing was changed");
  TRY(services_.files.SyncDirectory(staging.path()));
  TRY(context.Enter("replacing"));
  // What lost something is kept until a person says otherwise.
  std::optional<std::chrono::seconds> quarantine;
  if (report["lostTotal"] == 0) quarantine = services_.settings.quarantine;
  const auto old = TRY(
      PutInPlace(services_, request.uid, store, fresh, "salvage", quarantine, context.deadline()));
  report["quarantined"] = UuidJson(old);
  Say(store, report);
  return report;
}

Result<json> Salvage::RunInChild(Context& context, const std::string& damaged,
                                 const std::string& snapshot, const std::string& fresh) {
  const json arguments = {{"damaged", damaged}, {"snapshot", snapshot}, {"fresh", fresh}};
  const std::string text = TRY(
      services_.settings.run_child("salvage", pannier::json::Dump(arguments), context.Progress()));
  json report = TRY(pannier::json::ParseCold(text));
  const bool shaped = report.is_object() && report.value("records", json()).is_number() &&
                      report.value("lostTotal", json()).is_number();
  if (!shaped) return Internal("the salvage's report is not what it should be");
  return report;
}

// Where nobody asked for it, the policy says how much may be given up.
Status Salvage::CheckLoss(const Request& request, const json& report) const {
  if (!FlagOf(request.arguments, "automatic", false)) return {};
  const uint64_t lost = report["lostTotal"].get<uint64_t>();
  const bool exact = FlagOf(report, "lostExact", false);
  if (lost <= services_.settings.salvage_loss_max && exact) return {};
  return Conflict("a salvage would lose " + std::to_string(lost) + " records" +
                      (exact ? "" : ", or more") + ", more than recovery.maximumLoss allows",
                  "restore a snapshot, or salvage by hand: pannierctl store salvage");
}

void Salvage::Say(const StoreName& store, const json& report) {
  const auto lost = report["lostTotal"].get<uint64_t>();
  const std::string what = std::to_string(report["records"].get<uint64_t>()) +
                           " records were saved, " + std::to_string(lost) + " are lost";
  if (lost == 0) {
    services_.events.Normal("StoreSalvaged", ToString(store), what);
  } else {
    services_.events.Warning(
        "StoreSalvaged", ToString(store), what,
        "the operation's result lists them; the damaged store is in quarantine");
  }
}

}  // namespace

std::unique_ptr<ActionRunner> MakeSalvageAction(Services& services) {
  return std::make_unique<Salvage>(services);
}

}  // namespace pannier::operations
