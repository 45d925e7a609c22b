// restore: a store, one collection of it, or all stores come back from a repository.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/granted_repository.h"
#include "daemon/operations/actions/restore_steps.h"
#include "daemon/operations/members.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using repository::Repository;

class RestoreAction final : public ActionRunner {
 public:
  explicit RestoreAction(Services& services) : services_(services) {}

  Status Check(const Request& request) override;
  std::vector<Hold> Holds(const Request& request) const override;
  Result<json> Run(Context& context) override;

 private:
  Status CheckOne(const Request& request);
  Result<RestorePlan> PlanOne(Context& context, Repository& repository);
  Status CheckHasCollection(Context& context, Repository& repository, const RestorePlan& plan);
  Result<json> RunOne(Context& context, Repository& repository);
  Result<std::vector<RestorePlan>> PlanAll(Context& context, Repository& repository);
  Result<json> RunAll(Context& context, Repository& repository);
  Result<std::optional<Uuid>> RestorePart(Context& context, Repository& repository,
                                          RestorePlan& plan, const Staging& staging,
                                          const std::string& name);
  std::chrono::seconds QuarantineOf(const Request& request) const;
  void Say(const RestorePlan& plan, const Request& request);

  Services& services_;
};

bool IsAll(const Request& request) { return FlagOf(request.arguments, "all", false); }

Status RestoreAction::Check(const Request& request) {
  TRY(CheckRepository(services_, request));
  if (!IsAll(request)) return CheckOne(request);
  for (const char* name : {"snapshot", "sequence", "at", "to", "collection"}) {
    if (request.arguments.contains(name)) {
      return InvalidArgument("the member \"" + std::string(name) + "\" does not go with \"all\"");
    }
  }
  if (request.store) return InvalidArgument("the member \"store\" does not go with \"all\"");
  return {};
}

Status RestoreAction::CheckOne(const Request& request) {
  const json& arguments = request.arguments;
  int chosen = FlagOf(arguments, "latest", false) ? 1 : 0;
  for (const char* name : {"snapshot", "sequence", "at"}) chosen += arguments.contains(name);
  if (chosen != 1) {
    return InvalidArgument(
        "exactly one of the members \"snapshot\", \"sequence\", \"at\" and \"latest\" is needed");
  }
  if (!request.store) {
    return InvalidArgument("the member \"store\" is missing",
                           "\"all\": true restores every store of the repository");
  }
  const auto to = StoreOf(arguments, "to");
  const bool elsewhere = to && ToString(*to) != ToString(*request.store);
  if (elsewhere && TRY(DatabaseExists(services_, *to))) {
    return Conflict("the member \"to\": " + ToString(*to) + " exists already",
                    "choose a new name, or restore in place without \"to\"");
  }
  if (elsewhere) TRY(CheckNewName(*to, "to"));
  if (TextOf(arguments, "collection")) {
    if (elsewhere) return InvalidArgument("the member \"to\" does not go with \"collection\"");
    TRY(FindDatabase(services_, *request.store));
  }
  return {};
}

std::vector<Hold> RestoreAction::Holds(const Request& request) const {
  if (IsAll(request)) {
    return {AllStoresHold(/*shared=*/false), RepositoryHold(request.repository, true)};
  }
  std::vector<Hold> holds = HoldsOfRequest(request);
  if (const auto to = StoreOf(request.arguments, "to")) holds.push_back(StoreHold(*to));
  return holds;
}

std::chrono::seconds RestoreAction::QuarantineOf(const Request& request) const {
  return SecondsOf(request.arguments, "quarantineSeconds").value_or(services_.settings.quarantine);
}

Result<json> RestoreAction::Run(Context& context) {
  const Request& request = context.request();
  const auto opened = TRY(RequestedRepository::Open(services_, context));
  Repository& repository = opened->repository();
  Result<json> result = IsAll(request) ? RunAll(context, repository) : RunOne(context, repository);
  if (!request.dry_run) services_.metrics.OnRestore(ResultWord(result.ok()));
  return result;
}

void RestoreAction::Say(const RestorePlan& plan, const Request& request) {
  services_.events.Normal("StoreRestored", ToString(plan.target),
                          "restored from snapshot " + plan.snapshot.ref.uid.ToString() + " of " +
                              RepositoryWord(request) + ", sequence " +
                              std::to_string(plan.snapshot.ref.sequence));
}

// --- one ---

Result<RestorePlan> RestoreAction::PlanOne(Context& context, Repository& repository) {
  const Request& request = context.request();
  const json& arguments = request.arguments;
  const Wanted wanted{UuidOf(arguments, "snapshot"), CountOf(arguments, "sequence"),
                      TimeOf(arguments, "at")};
  const auto owner = UuidOf(arguments, "owner");
  RestorePlan plan;
  plan.operation = request.uid;
  plan.snapshot = TRY(services_.finder.Choose(repository, *request.store,
                                              owner.value_or(services_.stores.instance_id()),
                                              owner.has_value(), wanted, context.deadline()));
  plan.target = StoreOf(arguments, "to").value_or(*request.store);
  plan.exists = TRY(DatabaseExists(services_, plan.target));
  // By its uid any snapshot can become a store of another name; one that has its old name may come
  // back under it, whatever that is.
  const bool same_name = ToString(plan.target) == ToString(plan.snapshot.store);
  if (!plan.exists && !same_name) TRY(CheckNewName(plan.target, "store"));
  plan.collection = TextOf(arguments, "collection").value_or("");
  if (!plan.collection.empty()) TRY(CheckHasCollection(context, repository, plan));
  return plan;
}

// Before anything is fetched, or writes are refused.
Status RestoreAction::CheckHasCollection(Context& context, Repository& repository,
                                         const RestorePlan& plan) {
  const contract::Manifest manifest =
      TRY(repository.ReadManifest(plan.snapshot.ref.key, context.deadline()));
  for (const contract::ManifestCollection& each : manifest.collections) {
    if (each.name == plan.collection) return {};
  }
  return NoSuchCollection(plan);
}

Result<json> RestoreAction::RunOne(Context& context, Repository& repository) {
  const Request& request = context.request();
  TRY(context.Enter("planning"));
  const RestorePlan plan = TRY(PlanOne(context, repository));
  const json shown = PlanJson(services_, request, plan);
  context.SetPlan(shown);
  if (request.dry_run) return json{{"plan", shown}};
  std::optional<Uuid> quarantined;
  if (context.happened()) {
    quarantined = TRY(LastQuarantined(services_, plan.target, "restore"));
  } else {
    const Staging staging = TRY(Staging::Make(services_, request.uid));
    quarantined = TRY(RestoreStore(services_, context, repository, plan, staging, "store",
                                   QuarantineOf(request)));
  }
  json restored = TRY(RestoredJson(services_, plan));
  Say(plan, request);
  return json{{"plan", shown},
              {"restored", json::array({std::move(restored)})},
              {"quarantined", UuidJson(quarantined)}};
}

// --- all ---

Result<std::vector<RestorePlan>> RestoreAction::PlanAll(Context& context, Repository& repository) {
  const Request& request = context.request();
  const Uuid owner = UuidOf(request.arguments, "owner").value_or(Uuid());
  const bool names_them = request.arguments.contains("manifests");
  const std::vector<std::string> named = TextsOf(request.arguments, "manifests");
  std::vector<RestorePlan> plans;
  for (FoundSnapshot& snapshot : TRY(services_.finder.ChooseAll(
           repository, owner, names_them ? &named : nullptr, context.deadline()))) {
    RestorePlan plan;
    plan.target = snapshot.store;
    plan.exists = TRY(DatabaseExists(services_, plan.target));
    plan.snapshot = std::move(snapshot);
    plans.push_back(std::move(plan));
  }
  // Who says that there are none means it: the first start of all.
  if (plans.empty() && !(names_them && named.empty())) {
    return NotFound("there is no sound snapshot of any store in " +
                    repository.objects().Describe());
  }
  return plans;
}

Result<std::optional<Uuid>> RestoreAction::RestorePart(Context& context, Repository& repository,
                                                       RestorePlan& plan, const Staging& staging,
                                                       const std::string& name) {
  const Request& request = context.request();
  PartOperation part(services_, request.uid, ToString(plan.target));
  plan.operation = part.uid();
  const json shown = {{"action", "restore"},
                      {"store", ToString(plan.target)},
                      {"repository", RepositoryWord(request)},
                      {"snapshot", plan.snapshot.ref.uid.ToString()}};
  if (TRY(part.Begin(shown))) return std::optional<Uuid>();
  Result<std::optional<Uuid>> old =
      RestoreStore(services_, context, repository, plan, staging, name, QuarantineOf(request));
  if (!old.ok()) {
    part.NoteFailed(old.error());
    return std::move(old).error().Context(ToString(plan.target));
  }
  TRY(part.NoteDone());
  Say(plan, request);
  return old;
}

struct Failure {
  std::string store;
  Error error;
};

Error SomeFailed(const std::vector<Failure>& failed, size_t all) {
  constexpr size_t kNamedMax = 100;
  std::string names;
  for (size_t i = 0; i < std::min(failed.size(), kNamedMax); ++i) {
    names += (i == 0 ? "" : ", ") + failed[i].store;
  }
  if (failed.size() > kNamedMax) {
    names += " and " + std::to_string(failed.size() - kNamedMax) + " more";
  }
  const Error& first = failed.front().error;
  return {first.code,
          "restored " + std::to_string(all - failed.size()) + " of " + std::to_string(all) +
              " stores; these failed: " + names + "; the first with: " + first.what,
          "the others are there; restore those that failed one by one, from older snapshots"};
}

Result<json> RestoreAction::RunAll(Context& context, Repository& repository) {
  const Request& request = context.request();
  TRY(context.Enter("planning"));
  std::vector<RestorePlan> plans = TRY(PlanAll(context, repository));
  json shown = json::array();
  for (const RestorePlan& plan : plans) shown.push_back(PlanJson(services_, request, plan));
  context.SetPlan(shown);
  if (request.dry_run) return json{{"plan", shown}};
  const Staging staging = TRY(Staging::Make(services_, request.uid));
  json restored = json::array(), quarantined = json::array();
  std::vector<Failure> failed;
  for (RestorePlan& plan : plans) {
    const std::string name = "store-" + std::to_string(restored.size() + failed.size());
    Result<std::optional<Uuid>> old = RestorePart(context, repository, plan, staging, name);
    if (!old.ok()) {
      // One store's trouble does not keep the others from coming back; being told to stop does.
      if (old.Is(Errc::kDeadlineExceeded)) return std::move(old).error();
      failed.push_back({ToString(plan.target), std::move(old).error()});
      continue;
    }
    if (*old) quarantined.push_back((*old)->ToString());
    restored.push_back(TRY(RestoredJson(services_, plan)));
  }
  if (!failed.empty()) return SomeFailed(failed, plans.size());
  // Before the operation ends: one that has ended is not run again.
  if (services_.on_all_restored) TRY(services_.on_all_restored());
  return json{{"plan", shown}, {"restored", restored}, {"quarantined", quarantined}};
}

}  // namespace

std::unique_ptr<ActionRunner> MakeRestoreAction(Services& services) {
  return std::make_unique<RestoreAction>(services);
}

}  // namespace pannier::operations
