// salvage: what can be read of a damaged store takes its place.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/granted_repository.h"
#include "daemon/operations/actions/restore_steps.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using repository::Repository;

// Where that is known.
bool LostNothing(const json& report) {
  return report["lostTotal"] == 0 && FlagOf(report, "lostExact", false);
}

bool UsesRepository(const Request& request) {
  return !request.repository.empty() || request.arguments.contains("grants");
}

class Salvage final : public ActionRunner {
 public:
  explicit Salvage(Services& services) : services_(services) {}
  Status Check(const Request& request) override {
    if (UsesRepository(request)) TRY(CheckRepository(services_, request));
    TRY(FindDatabase(services_, *request.store));
    return {};
  }
  std::vector<Hold> Holds(const Request& request) const override { return HoldsOfRequest(request); }
  Result<json> Run(Context& context) override;

 private:
  Result<json> Mend(Context& context, const RestorePlan* source, Repository* repository);
  Result<json> RunInChild(Context& context, const std::string& damaged, const std::string& snapshot,
                          const std::string& fresh);
  Status CheckLoss(const Request& request, const json& report) const;
  void Say(const StoreName& store, const json& report);

  Services& services_;
};

Result<json> Salvage::Run(Context& context) {
  const Request& request = context.request();
  std::unique_ptr<RequestedRepository> opened;
  SnapshotFinder::ForGaps found;
  if (UsesRepository(request)) {
    opened = TRY(RequestedRepository::Open(services_, context));
    // Gaps are filled from nothing less than what was found sound.
    found = TRY(services_.finder.ChooseForGaps(opened->repository(), *request.store,
                                               services_.stores.instance_id(), context.deadline()));
  }
  const store::StoreInfo info =
      TRY(services_.stores.Describe(request.store->tenant, request.store->database));
  context.SetPlan(
      {{"store", ToString(*request.store)},
       {"bytes", info.bytes_on_disk},
       {"snapshot", found.snapshot ? UuidJson(found.snapshot->ref.uid) : json(nullptr)}});
  json messages = json::array();
  if (!found.message.empty()) messages.push_back(found.message);
  if (request.dry_run) return json{{"messages", messages}};
  if (context.happened()) {
    const auto old = TRY(LastQuarantined(services_, *request.store, "salvage"));
    services_.metrics.OnSalvage(ResultWord(true));
    return json{{"quarantined", UuidJson(old)},
                {"messages", {"a restart came after the salvage; its counts were not kept"}}};
  }
  RestorePlan source;
  source.target = *request.store;
  if (found.snapshot) source.snapshot = *found.snapshot;
  Repository* const repository = found.snapshot ? &opened->repository() : nullptr;
  Result<json> result = Mend(context, found.snapshot ? &source : nullptr, repository);
  if (result.ok())
    (*result)["messages"].insert((*result)["messages"].end(), messages.begin(), messages.end());
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
  if (LostNothing(report)) quarantine = services_.settings.quarantine;
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
  const bool saves_nothing = lost > 0 && report["records"] == 0;
  if (lost <= services_.settings.salvage_loss_max && exact && !saves_nothing) return {};
  const std::string hint = "restore a snapshot, or salvage by hand: pannierctl store salvage";
  if (!exact) {
    return Conflict("how much a salvage would lose is not known (" + std::to_string(lost) +
                        " records at least), so it is not done by itself",
                    hint);
  }
  if (saves_nothing) {
    return Conflict("a salvage would save none of the store's " + std::to_string(lost) +
                        " records, so it is not done by itself",
                    hint);
  }
  return Conflict("a salvage would lose " + std::to_string(lost) +
                      " records, more than recovery.maximumLoss allows",
                  hint);
}

void Salvage::Say(const StoreName& store, const json& report) {
  const auto lost = report["lostTotal"].get<uint64_t>();
  const bool exact = FlagOf(report, "lostExact", false);
  const std::string what = std::to_string(report["records"].get<uint64_t>()) +
                           " records were saved, " + std::to_string(lost) + " are lost" +
                           (exact ? "" : " at least: how many is not known");
  if (LostNothing(report)) {
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
