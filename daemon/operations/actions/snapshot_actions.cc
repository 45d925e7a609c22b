// snapshotVerify, snapshotHold, snapshotDelete: what concerns one snapshot in a repository.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/granted_repository.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/actions/verification.h"
#include "daemon/operations/members.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using repository::Repository;
using repository::SnapshotRef;

// Finds the snapshot, plans, and leaves the rest to the action.
class OnSnapshot : public ActionRunner {
 public:
  explicit OnSnapshot(Services& services) : services_(services) {}
  Status Check(const Request& request) override { return CheckRepository(services_, request); }
  std::vector<Hold> Holds(const Request& request) const override {
    return {AllStoresHold(/*shared=*/true), RepositoryHold(request.repository, /*shared=*/true)};
  }
  Result<json> Run(Context& context) override {
    const Request& request = context.request();
    const auto opened = TRY(RequestedRepository::Open(services_, context));
    Repository& repository = opened->repository();
    const Uuid uid = *UuidOf(request.arguments, "snapshot");
    const Result<SnapshotRef> ref = services_.finder.Find(repository, uid, context.deadline());
    if (!ref.ok()) return Missing(context, ref.error());
    context.SetPlan({{"snapshot", uid.ToString()},
                     {"manifest", ref->key},
                     {"repository", RepositoryWord(request)}});
    if (request.dry_run) return json::object();
    return Act(context, repository, *ref);
  }

 protected:
  virtual Result<json> Act(Context& context, Repository& repository, const SnapshotRef& ref) = 0;
  virtual Result<json> Missing(Context&, const Error& error) { return error; }
  Services& services_;
};

class VerifyIt final : public OnSnapshot {
 public:
  using OnSnapshot::OnSnapshot;

 private:
  Result<json> Act(Context& context, Repository& repository, const SnapshotRef& ref) override {
    const std::string level = TextOf(context.request().arguments, "level").value_or("Deep");
    const Result<contract::Manifest> manifest =
        repository.ReadManifest(ref.key, context.deadline());
    if (manifest.Is(Errc::kCorruption)) {
      return json{{"sound", false}, {"level", level}, {"message", manifest.error().what}};
    }
    if (!manifest.ok()) return manifest.error();
    const Staging staging = TRY(Staging::Make(services_, context.request().uid));
    repository.objects().ExpectGets(ChunkKeys(*manifest));
    const repository::Verification found = TRY(
        VerifySnapshot(services_, context, repository, ref, *manifest, level == "Deep", staging));
    return json{{"sound", found.sound}, {"level", level}, {"message", found.message}};
  }
};

class HoldIt final : public OnSnapshot {
 public:
  using OnSnapshot::OnSnapshot;

 private:
  Result<json> Act(Context& context, Repository& repository, const SnapshotRef& ref) override {
    const bool hold = FlagOf(context.request().arguments, "hold", true);
    TRY(repository.SetHold(ref, hold, context.deadline()));
    return json{{"snapshot", ref.uid.ToString()}, {"held", hold}};
  }
};

class DeleteIt final : public OnSnapshot {
 public:
  using OnSnapshot::OnSnapshot;
  // Not while somebody restores from the repository.
  std::vector<Hold> Holds(const Request& request) const override {
    return {RepositoryHold(request.repository, /*shared=*/false)};
  }

 private:
  Result<json> Act(Context& context, Repository& repository, const SnapshotRef& ref) override {
    TRY(repository.Delete(ref, context.deadline()));
    services_.events.Normal(
        "SnapshotDeleted", "",
        "snapshot " + ref.uid.ToString() + " of " + context.request().repository + " was deleted");
    return json{{"snapshot", ref.uid.ToString()}};
  }
  // An attempt that a crash ended may have done it.
  Result<json> Missing(Context& context, const Error& error) override {
    if (context.attempt() < 2) return error;
    return json{{"snapshot", UuidJson(UuidOf(context.request().arguments, "snapshot"))}};
  }
};

}  // namespace

std::unique_ptr<ActionRunner> MakeSnapshotVerifyAction(Services& services) {
  return std::make_unique<VerifyIt>(services);
}
std::unique_ptr<ActionRunner> MakeSnapshotHoldAction(Services& services) {
  return std::make_unique<HoldIt>(services);
}
std::unique_ptr<ActionRunner> MakeSnapshotDeleteAction(Services& services) {
  return std::make_unique<DeleteIt>(services);
}

}  // namespace pannier::operations
