#include "operator/plan/snapshot_repository_plan.h"
#include "operator/reconcile/own_object.h"
#include "operator/reconcile/reconcilers.h"
#include "operator/reconcile/volume_repository.h"

namespace pannier::control {
namespace {

// Another attempt to make a repository on a volume has another uid.
constexpr std::chrono::minutes kInitAttempt{2};

// Daemons of all VectorStores that name it.
std::vector<DaemonAddress> DaemonsOf(const Context& context, const SnapshotRepository& repository) {
  const std::string place = PlaceOf(repository.meta.name_space, repository.meta.name);
  std::vector<DaemonAddress> daemons;
  for (const VectorStore& each : context.caches.By<VectorStore>(kByRepository, place).items) {
    for (DaemonAddress& daemon : context.DaemonsOf(each)) daemons.push_back(std::move(daemon));
  }
  return daemons;
}

class Observer {
 public:
  Observer(Context& context, const SnapshotRepository& repository, Pass* pass)
      : context_(context), repository_(repository), pass_(pass), now_(context.clock.Now()) {}

  Result<RepositoryObserved> Observe() {
    const bool probes = IsProbeDue(repository_, now_);
    const std::optional<WallTime> slot = DeepVerifySlot(repository_, now_);
    if (!repository_.spec.s3 || slot) pass_->daemons = DaemonsOf(context_, repository_);
    if (probes || slot) {
      const WallTime due = slot.value_or(now_);
      repository_.spec.s3 ? TRY(LookIntoS3(probes, due)) : LookIntoVolume(probes, due);
    }
    if (slot) FindVerifiers(DeepVerifyUid(repository_, *slot));
    return std::move(seen_);
  }
  // That has the volume.
  const std::optional<DaemonAddress>& daemon() const { return daemon_; }

 private:
  Status LookIntoS3(bool probes, WallTime slot) {
    const RepositorySecrets secrets = TRY(context_.secrets.Of(repository_));
    if (probes) {
      seen_.probe = context_.s3.Probe(repository_, secrets);
      if (seen_.probe->fault == ProbeFault::kAccessDenied && repository_.spec.s3->credentials) {
        context_.secrets.Forget(repository_.meta.name_space,
                                repository_.spec.s3->credentials->name);
      }
      if (!IsOurs()) return {};
    }
    SnapshotRepository known = repository_;
    if (seen_.probe) known.status.repository_id = *seen_.probe->identity;
    Result<RepositoryListing> listing = context_.s3.List(known, secrets, slot);
    if (listing.ok()) seen_.listing = std::move(listing).value();
    return {};
  }

  void LookIntoVolume(bool probes, WallTime slot) {
    const VolumeLook look = ProbeVolume(context_.daemons, pass_->daemons, repository_.meta.name);
    daemon_ = look.daemon;
    if (probes) seen_.probe = look.probe;
    if (!daemon_ || (probes && !IsOurs())) return;
    const auto answer = context_.daemons.Snapshots(*daemon_, repository_.meta.name);
    if (answer.ok()) seen_.listing = ListingOf(*answer, slot);
  }

  // Whether the probe found the repository that it was, or one that becomes ours.
  bool IsOurs() const {
    const std::string& known = repository_.status.repository_id;
    return seen_.probe->fault == ProbeFault::kNone && seen_.probe->identity &&
           (known.empty() || *seen_.probe->identity == known);
  }

  // S3 is read by granted URLs, by any daemon; a volume by who has it.
  void FindVerifiers(const Uuid& uid) {
    std::vector<DaemonAddress> able;
    for (const DaemonAddress& each : pass_->daemons) {
      if (able.size() == kVerifiersMax) break;
      if (repository_.spec.s3) {
        able.push_back(each);
        continue;
      }
      const VolumeLook look = ProbeVolume(context_.daemons, {each}, repository_.meta.name);
      if (look.daemon && look.probe.identity) able.push_back(each);
    }
    seen_.daemons =
        context_.daemons.Look(able, [&](const DaemonView&) { return std::vector<Uuid>{uid}; });
  }

  static constexpr size_t kVerifiersMax = 4;  // the first of them may be away

  Context& context_;
  const SnapshotRepository& repository_;
  Pass* const pass_;
  const WallTime now_;
  RepositoryObserved seen_;
  std::optional<DaemonAddress> daemon_;
};

Status MakeIdentity(Context& context, const SnapshotRepository& repository,
                    const std::optional<DaemonAddress>& daemon) {
  const int64_t epoch = TRY(context.Epoch());
  if (repository.spec.s3) {
    const RepositorySecrets secrets = TRY(context.secrets.Of(repository));
    TRY(context.s3.MakeIdentity(repository, secrets));
    return {};
  }
  if (!daemon) return Unavailable("no daemon has the volume of " + repository.meta.name);
  const auto attempt = context.clock.Now().time_since_epoch() / kInitAttempt;
  const Uuid uid = OperationUid({repository.meta.uid, "repositoryInit", std::to_string(attempt)});
  return context.daemons.Start(
      *daemon, uid, {{"action", "repositoryInit"}, {"repository", repository.meta.name}}, epoch);
}

}  // namespace

Result<kube::Action> ReconcileRepository(Context& context, const kube::ObjectKey& key) {
  const auto own = TRY(ReadOwn<SnapshotRepository>(context, key, "Ready"));
  if (!own || own->object.meta.IsDeleting()) return kube::Action::AwaitChange();
  const SnapshotRepository& repository = own->object;
  Pass pass{kRepositories, own->tree};
  pass.repository = repository;
  Observer observer(context, repository, &pass);
  const RepositoryObserved seen = TRY(observer.Observe());
  const WallTime now = context.clock.Now();
  const RepositoryPlan plan = PlanRepository(repository, seen, now);
  const kube::Action next = TRY(CarryOut(context, pass, repository, plan, now));
  if (!plan.make_identity) return next;
  TRY(MakeIdentity(context, repository, observer.daemon()).Context("make the repository"));
  return kube::Action::After(std::chrono::seconds(1));
}

}  // namespace pannier::control
