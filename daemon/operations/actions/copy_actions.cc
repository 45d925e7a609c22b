// fork, merge: a store from a store.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "daemon/store/fork.h"
#include "daemon/store/merge.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

store::StoreName NameOf(const StoreName& store) { return {store.tenant, store.database}; }

class Fork final : public ActionRunner {
 public:
  explicit Fork(Services& services) : services_(services) {}
  Status Check(const Request& request) override;
  std::vector<Hold> Holds(const Request& request) const override {
    std::vector<Hold> holds = HoldsOfRequest(request);
    holds.push_back(StoreHold(*StoreOf(request.arguments, "to")));
    return holds;
  }
  Result<json> Run(Context& context) override;

 private:
  Services& services_;
};

Status Fork::Check(const Request& request) {
  TRY(FindDatabase(services_, *request.store));
  const StoreName to = *StoreOf(request.arguments, "to");
  if (!TRY(DatabaseExists(services_, to))) return CheckNewName(to, "to");
  return Conflict("the member \"to\": " + ToString(to) + " exists already", "choose a new name");
}

Result<json> Fork::Run(Context& context) {
  const Request& request = context.request();
  const StoreName to = *StoreOf(request.arguments, "to");
  const store::StoreInfo info =
      TRY(services_.stores.Describe(request.store->tenant, request.store->database));
  context.SetPlan(
      {{"store", ToString(*request.store)}, {"to", ToString(to)}, {"bytes", info.bytes_on_disk}});
  if (request.dry_run) return json::object();
  if (context.happened()) {
    const store::StoreInfo made = TRY(services_.stores.Describe(to.tenant, to.database));
    const store::StoreRef open = TRY(Acquire(services_, to));
    return json{{"sequence", open->sequence()}, {"bytes", made.bytes_on_disk}};
  }
  TRY(CheckRoom(services_, info.bytes_on_disk));
  TRY(context.Enter("copying"));
  const store::StoreCopy copy =
      TRY(store::ForkStore(services_.stores, request.uid, NameOf(*request.store), NameOf(to),
                           services_.files, {context.deadline()}, context.Progress()));
  services_.events.Normal("StoreForked", ToString(to), "copied from " + ToString(*request.store));
  return json{{"sequence", copy.sequence}, {"bytes", copy.bytes}};
}

class Merge final : public ActionRunner {
 public:
  explicit Merge(Services& services) : services_(services) {}
  Status Check(const Request& request) override;
  std::vector<Hold> Holds(const Request& request) const override {
    std::vector<Hold> holds = HoldsOfRequest(request);
    holds.push_back(StoreHold(*StoreOf(request.arguments, "from")));
    return holds;
  }
  Result<json> Run(Context& context) override;

 private:
  Services& services_;
};

Status Merge::Check(const Request& request) {
  const StoreName from = *StoreOf(request.arguments, "from");
  TRY(FindDatabase(services_, *request.store));
  TRY(FindDatabase(services_, from).Context("the member \"from\""));
  if (ToString(from) != ToString(*request.store)) return {};
  return InvalidArgument("the member \"from\" is the store itself",
                         "name another store to merge into this one");
}

store::OnConflict RuleOf(const Request& request) {
  const std::string rule = TextOf(request.arguments, "onConflict").value_or("Keep");
  if (rule == "Replace") return store::OnConflict::kReplace;
  return rule == "Newest" ? store::OnConflict::kNewest : store::OnConflict::kKeep;
}

json MergedJson(const store::MergeReport& report) {
  return {{"collections", report.collections},
          {"added", report.added},
          {"replaced", report.replaced},
          {"kept", report.kept},
          {"messages", report.messages}};
}

Result<json> Merge::Run(Context& context) {
  const Request& request = context.request();
  const StoreName from = *StoreOf(request.arguments, "from");
  const store::StoreInfo info =
      TRY(services_.stores.Describe(request.store->tenant, request.store->database));
  context.SetPlan({{"store", ToString(*request.store)},
                   {"from", ToString(from)},
                   {"bytes", info.bytes_on_disk}});
  if (request.dry_run) return json::object();
  if (context.happened()) {
    return json{{"collections", nullptr},
                {"added", nullptr},
                {"replaced", nullptr},
                {"kept", nullptr},
                {"messages", {"a restart came after the merge; its counts were not kept"}}};
  }
  TRY(CheckRoom(services_, info.bytes_on_disk));
  TRY(context.Enter("merging"));
  store::MergeRequest wanted;
  wanted.operation = request.uid;
  wanted.from = NameOf(from);
  wanted.into = NameOf(*request.store);
  wanted.rule = RuleOf(request);
  wanted.quarantine_expires = services_.clock.Now() + services_.settings.quarantine;
  const store::MergeReport report =
      TRY(store::MergeDatabases(services_.stores, wanted, services_.settings.store, services_.files,
                                {context.deadline()}, context.Progress()));
  services_.events.Normal("StoreMerged", ToString(*request.store),
                          std::to_string(report.added) + " records came from " + ToString(from));
  return MergedJson(report);
}

}  // namespace

std::unique_ptr<ActionRunner> MakeForkAction(Services& services) {
  return std::make_unique<Fork>(services);
}
std::unique_ptr<ActionRunner> MakeMergeAction(Services& services) {
  return std::make_unique<Merge>(services);
}

}  // namespace pannier::operations
