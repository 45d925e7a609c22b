// snapshot: takes one of a store, and proves it.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/granted_repository.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/actions/verification.h"
#include "daemon/operations/members.h"
#include "daemon/snapshot/snapshot.h"
#include "lib/core/time_text.h"

namespace pannier::operations {
namespace {

using contract::Manifest;
using nlohmann::json;
using repository::Repository;

class SnapshotAction final : public ActionRunner {
 public:
  explicit SnapshotAction(Services& services) : services_(services) {}

  Status Check(const Request& request) override;
  std::vector<Hold> Holds(const Request& request) const override { return HoldsOfRequest(request); }
  Result<json> Run(Context& context) override;

 private:
  Result<json> RunNamed(Context& context);
  Result<json> RunGranted(Context& context);
  // `granted`: the repository's, if it is one of URLs.
  Result<json> RunIn(Context& context, Repository& repository, snapshot::TakeOptions options,
                     GrantedRepository* granted);
  Result<snapshot::TakeOptions> OptionsFor(const Context& context) const;
  Result<Manifest> Take(Context& context, Repository& repository, snapshot::TakeOptions options,
                        const Staging& staging);
  json ResultOf(const Request& request, const Manifest& manifest, bool verified,
                SteadyTime began) const;

  Services& services_;
};

snapshot::IncludeIndexes IndexesOf(const Request& request) {
  const std::string wish = TextOf(request.arguments, "includeIndex").value_or("IfClean");
  if (wish == "Always") return snapshot::IncludeIndexes::kAlways;
  return wish == "Never" ? snapshot::IncludeIndexes::kNever : snapshot::IncludeIndexes::kIfClean;
}

Status SnapshotAction::Check(const Request& request) {
  TRY(FindDatabase(services_, *request.store));
  if (TextOf(request.arguments, "origin").value_or("").size() > contract::kOriginBytesMax) {
    return InvalidArgument("the member \"origin\" is too long");
  }
  if (IsGranted(request)) {
    if (request.repository.empty()) return {};
    return InvalidArgument("the member \"repository\" does not go with \"grants\"");
  }
  for (const char* name : {"parentKey", "repositoryID"}) {
    if (request.arguments.contains(name)) {
      return InvalidArgument("the member \"" + std::string(name) + "\" goes with \"grants\"");
    }
  }
  if (request.repository.empty()) return InvalidArgument("the member \"repository\" is missing");
  return services_.repositories.CheckName(request.repository);
}

Result<json> SnapshotAction::Run(Context& context) {
  const SteadyTime began = services_.clock.Steady();
  Result<json> result = IsGranted(context.request()) ? RunGranted(context) : RunNamed(context);
  if (context.request().dry_run) return result;
  services_.metrics.OnSnapshot(ResultWord(result.ok()), services_.clock.Steady() - began,
                               services_.clock.Now());
  return result;
}

Result<json> SnapshotAction::RunNamed(Context& context) {
  const std::unique_ptr<Repository> repository =
      TRY(services_.repositories.Open(context.request().repository, context.deadline()));
  snapshot::TakeOptions options = TRY(OptionsFor(context));
  TRY(context.Enter("comparing"));
  options.parent = TRY(services_.finder.FindParent(
      *repository, *context.request().store, options.owner, options.store, context.deadline()));
  return RunIn(context, *repository, std::move(options), nullptr);
}

// Without credentials: somebody who has them grants each request to the repository.
Result<json> SnapshotAction::RunGranted(Context& context) {
  const json& arguments = context.request().arguments;
  const auto granted = TRY(GrantedRepository::Open(
      context, services_.clock, UuidOf(arguments, "repositoryID").value_or(Uuid())));
  snapshot::TakeOptions options = TRY(OptionsFor(context));
  options.may_list = false;
  options.before_sending = [&granted](const std::vector<std::string>& keys) {
    granted->Expect("PUT", keys);
  };
  if (const auto parent = TextOf(arguments, "parentKey")) {
    TRY(context.Enter("comparing"));
    options.parent = TRY(granted->repository().ReadManifest(*parent, context.deadline()));
  }
  return RunIn(context, granted->repository(), std::move(options), granted.get());
}

Result<snapshot::TakeOptions> SnapshotAction::OptionsFor(const Context& context) const {
  const Request& request = context.request();
  const store::DatabaseInfo database = TRY(FindDatabase(services_, *request.store));
  snapshot::TakeOptions options;
  options.uid = request.uid;
  options.owner = UuidOf(request.arguments, "owner").value_or(services_.stores.instance_id());
  options.store = StoreChain(database, services_.stores.instance_id());
  options.origin = TextOf(request.arguments, "origin").value_or("");
  options.tenant = database.tenant;
  options.database = database.name;
  options.version = services_.settings.version;
  options.spool_reserve_bytes = services_.settings.spool_reserve_bytes;
  options.indexes = IndexesOf(request);
  options.transfers = services_.settings.transfers;
  options.deadline = context.deadline();
  return options;
}

Result<json> SnapshotAction::RunIn(Context& context, Repository& repository,
                                   snapshot::TakeOptions options, GrantedRepository* granted) {
  const Request& request = context.request();
  const SteadyTime began = services_.clock.Steady();
  const store::StoreInfo info =
      TRY(services_.stores.Describe(request.store->tenant, request.store->database));
  context.SetPlan({{"store", ToString(*request.store)},
                   {"storeID", options.store.ToString()},
                   {"repository", repository.objects().Describe()},
                   {"parent", options.parent ? UuidJson(options.parent->uid) : json(nullptr)},
                   {"bytes", info.bytes_on_disk}});
  if (request.dry_run) return json::object();
  const Staging staging = TRY(Staging::Make(services_, request.uid));
  const Manifest manifest = TRY(Take(context, repository, std::move(options), staging));
  const std::chrono::duration<double> copied = services_.clock.Steady() - began;
  services_.metrics.OnSnapshotBytes(manifest.bytes(), manifest.new_bytes);
  if (granted != nullptr) repository.objects().ExpectGets(ChunkKeys(manifest));
  const bool deep = TextOf(request.arguments, "verification").value_or("Deep") == "Deep";
  const repository::Verification found =
      TRY(VerifySnapshot(services_, context, repository, RefOf(manifest), manifest, deep, staging)
              .Context("the snapshot exists, but was not verified"));
  if (!found.sound) {
    return Corruption("the snapshot was taken and found unsound: " + found.message,
                      "take another one; check the disk and the repository");
  }
  services_.events.Normal("SnapshotTaken", ToString(*request.store),
                          "snapshot at sequence " + std::to_string(manifest.sequence) + " in " +
                              repository.objects().Describe() + ", verified");
  json result = ResultOf(request, manifest, found.sound, began);
  result["copySeconds"] = copied.count();
  return result;
}

Result<Manifest> SnapshotAction::Take(Context& context, Repository& repository,
                                      snapshot::TakeOptions options, const Staging& staging) {
  TRY(context.Enter("copying"));
  options.spool = TRY(staging.MakeFolder("spool"));
  const store::StoreRef open = TRY(Acquire(services_, *context.request().store));
  Manifest manifest =
      TRY(snapshot::Take(*open, repository, options, services_.files, context.Progress()));
  services_.finder.Remember(RefOf(manifest), manifest);
  return manifest;
}

json SnapshotAction::ResultOf(const Request& request, const Manifest& manifest, bool verified,
                              SteadyTime began) const {
  const auto took = std::chrono::duration<double>(services_.clock.Steady() - began);
  return {{"uid", manifest.uid.ToString()},
          {"store", ToString(*request.store)},
          {"storeID", manifest.store.ToString()},
          {"sequence", manifest.sequence},
          {"time", FormatTime(manifest.time)},
          {"manifest", contract::ManifestKey(manifest)},
          {"bytes", manifest.bytes()},
          {"newBytes", manifest.new_bytes},
          {"records", manifest.records},
          {"verified", verified},
          {"seconds", took.count()}};
}

}  // namespace

std::unique_ptr<ActionRunner> MakeSnapshotAction(Services& services) {
  return std::make_unique<SnapshotAction>(services);
}

}  // namespace pannier::operations
