// The operator of the world: reads, plans, carries out, in the order that operator/plan/plan.h
// says.
#include <algorithm>

#include "lib/core/time_text.h"
#include "operator/resource/names.h"
#include "tests/operator/plan/world.h"

namespace pannier::test {

using namespace control;
using Json = nlohmann::json;
using std::chrono::seconds;

// A call that is cut short has taken effect or not; either way the operator is dead then.
bool World::Call() {
  if (was_cut_) return false;
  ++calls;
  if (cut_at_ > 0 && --cut_at_ == 0) {
    was_cut_ = true;
    return random_.OneIn(2);
  }
  return true;
}

bool World::CarryOutDaemons(const std::vector<DaemonStart>& starts,
                            const std::vector<DaemonCancel>& cancels) {
  for (const DaemonStart& start : starts) {
    if (!Call()) return false;
    Daemon* daemon = Find(start.pod_uid);
    if (daemon == nullptr || !daemon->up) return false;
    if (epoch_ < daemon->epoch) return false;  // refused
    daemon->epoch = epoch_;
    Operation operation;
    operation.body = start.body;
    operation.asked = now;
    daemon->operations.emplace(start.uid.ToString(), std::move(operation));
    if (!AliveAfter()) return false;
  }
  for (const DaemonCancel& cancel : cancels) {
    if (!Call()) return false;
    Daemon* daemon = Find(cancel.pod_uid);
    if (daemon == nullptr || !daemon->up) continue;
    if (epoch_ < daemon->epoch) return false;
    const auto found = daemon->operations.find(cancel.uid.ToString());
    if (found != daemon->operations.end() && !found->second.ended) {
      found->second.state = OperationState::kCancelled;
      found->second.ended = now;
    }
    if (!AliveAfter()) return false;
  }
  return true;
}

// S2 and S3.
void World::CheckRemoval(const ObjectRef& object) {
  if (object.uid.empty() || object.resource_version.empty()) Break("removal without precondition");
  if (object.resource != kStoreSnapshotKind.plural) return;
  const auto snapshot = Get<StoreSnapshot>(kStoreSnapshotKind, object.name);
  if (snapshot.spec.hold) Break("a held snapshot was removed");
  if (IsPinned(snapshot, All<StoreOperation>(kStoreOperationKind))) {
    Break("a snapshot in use was removed");
  }
  const auto rest = Others<StoreSnapshot>(kStoreSnapshotKind, object.uid);
  if (IsSound(snapshot) && NewestSound(rest) == nullptr)
    Break("the last sound snapshot was removed");
}

bool World::CarryOutRemove(const ObjectRef& object) {
  if (!Call()) return false;
  const Place place{object.resource, object.name};
  const auto found = objects_.find(place);
  if (found == objects_.end()) return AliveAfter();
  const Meta meta = ReadMeta(found->second);
  if (meta.uid != object.uid || meta.resource_version != object.resource_version) return false;
  CheckRemoval(object);
  ++writes_;
  found->second["metadata"]["deletionTimestamp"] = FormatTime(std::chrono::floor<seconds>(now));
  found->second["metadata"]["resourceVersion"] = std::to_string(++version_);
  DropIfDone(place);
  return AliveAfter();
}

template <typename R>
void World::CarryOut(const Kind& kind, const R& before, const Plan<typename R::Status>& plan,
                     const std::string& finalizer) {
  const Place place{kind.plural, before.meta.name};
  const auto object = [&]() -> Json* {
    const auto found = objects_.find(place);
    return found == objects_.end() ? nullptr : &found->second;
  };
  const bool is_over = IsTerminal(before.status.conditions);
  const std::string ready = ReasonOf(plan.status.conditions, "Ready");
  const bool waits_for_person = ready == "Suspended" || ready == "InvalidSchedule";
  if (!is_over && !waits_for_person && !IsTerminal(plan.status.conditions) &&
      !before.meta.IsDeleting() && !plan.next_look && SameMeaning(before.status, plan.status)) {
    Break("L1: " + before.meta.name + " neither changes nor has a timer");
  }
  if (plan.add_finalizer) {
    if (!Call()) return;
    (*object())["metadata"]["finalizers"] = {finalizer};
    (*object())["metadata"]["resourceVersion"] = std::to_string(++version_);
    ++writes_;
    if (!AliveAfter()) return;
  }
  for (const Json& each : plan.create) {
    if (!Call()) return;
    const Meta meta = ReadMeta(each);
    const Kind& made = each["kind"] == "StoreSnapshot" ? kStoreSnapshotKind : kStoreOperationKind;
    if (Has(made, meta.name)) return;  // 409: look again
    const bool is_slot = meta.labels.count(kScheduleLabel) != 0;
    if (is_slot && !slots_.insert(meta.name).second) Break("slot " + meta.name + " ran twice");
    Create(made, meta.name, each["spec"]);
    objects_[{made.plural, meta.name}]["metadata"]["labels"] = meta.labels;
    objects_[{made.plural, meta.name}]["metadata"]["annotations"] = meta.annotations;
    ++version_;
    ++writes_;
    if (!AliveAfter()) return;
  }
  for (const ObjectRef& each : plan.resume) {
    if (!Call()) return;
    SetSpec(kStoreOperationKind, each.name, {{"suspend", false}});
    ++writes_;
    if (!AliveAfter()) return;
  }
  if (!CarryOutDaemons(plan.start, plan.cancel)) return;
  for (const ManifestRef& each : plan.repository_deletes) {
    if (!Call()) return;
    manifests.erase(each.key);
    if (!AliveAfter()) return;
  }
  if (const auto patch = StatusPatch(before.status, plan.status)) {
    if (!Call() || object() == nullptr) return;
    if (is_over) Break("the status of " + before.meta.name + " was written after its end");
    object()->merge_patch(*patch);
    (*object())["metadata"]["resourceVersion"] = std::to_string(++version_);
    ++writes_;
    if (!AliveAfter()) return;
  }
  for (const ObjectRef& each : plan.remove) {
    if (!CarryOutRemove(each)) return;
  }
  if (plan.release) {
    if (!Call() || object() == nullptr) return;
    (*object())["metadata"].erase("finalizers");
    ++version_;
    ++writes_;
    DropIfDone(place);
  }
}

void World::ReconcileSnapshot(const StoreSnapshot& snapshot) {
  SnapshotObserved seen;
  seen.vector_store = Maybe<VectorStore>(kVectorStoreKind, snapshot.spec.vector_store.name);
  const std::string repository =
      RepositoryNameOf(snapshot, seen.vector_store ? &*seen.vector_store : nullptr);
  seen.repository = Maybe<SnapshotRepository>(kSnapshotRepositoryKind, repository);
  seen.siblings = Others<StoreSnapshot>(kStoreSnapshotKind, snapshot.meta.uid);
  seen.operations = All<StoreOperation>(kStoreOperationKind);
  seen.daemons = Views([&](const Daemon& daemon) {
    std::vector<Uuid> uids = OperationsOf(snapshot, daemon.pod_uid, View(daemon, {}).stores);
    if (!snapshot.meta.IsDeleting()) return uids;
    for (const Uuid& uid : PossibleUids(snapshot)) uids.push_back(uid);
    for (const Uuid& uid : DeletionUids(snapshot, std::to_string(daemon.session), now)) {
      uids.push_back(uid);
    }
    return uids;
  });
  if (!snapshot.meta.IsDeleting()) {
    return CarryOut(kStoreSnapshotKind, snapshot, PlanSnapshot(snapshot, seen, now),
                    kSnapshotFinalizer);
  }
  if (repository_up) {
    seen.manifests_left.emplace();
    for (const Uuid& uid : PossibleUids(snapshot)) {
      for (const auto& [key, manifest] : manifests) {
        if (manifest.uid == uid.ToString()) (*seen.manifests_left)[manifest.uid] = key;
      }
    }
  }
  CarryOut(kStoreSnapshotKind, snapshot, PlanSnapshotDeletion(snapshot, seen, now),
           kSnapshotFinalizer);
}

void World::ReconcileSchedule(const StoreSnapshotSchedule& schedule) {
  ScheduleObserved seen{All<StoreSnapshot>(kStoreSnapshotKind),
                        All<StoreOperation>(kStoreOperationKind)};
  CarryOut(kStoreSnapshotScheduleKind, schedule, PlanSchedule(schedule, seen, now), "");
}

void World::ReconcileOperation(const StoreOperation& operation) {
  OperationObserved seen;
  seen.vector_store = Maybe<VectorStore>(kVectorStoreKind, operation.spec.vector_store.name);
  const auto& restore = operation.spec.action.restore;
  if (restore && restore->snapshot) {
    seen.source = Maybe<StoreSnapshot>(kStoreSnapshotKind, restore->snapshot->name);
  }
  const std::string repository =
      RepositoryNameOf(operation, seen.vector_store ? &*seen.vector_store : nullptr,
                       seen.source ? &*seen.source : nullptr);
  seen.repository = Maybe<SnapshotRepository>(kSnapshotRepositoryKind, repository);
  seen.pods_known = true;
  seen.daemons = Views([&](const Daemon&) { return UidsOf(operation); });
  seen.snapshots = All<StoreSnapshot>(kStoreSnapshotKind);
  seen.operations = Others<StoreOperation>(kStoreOperationKind, operation.meta.uid);
  CarryOut(kStoreOperationKind, operation, PlanOperation(operation, seen, now), "");
}

void World::ReconcileStore(const VectorStore& store) {
  VectorStoreObserved seen;
  for (const Daemon& daemon : daemons) {
    seen.pods.push_back({daemon.pod_uid, daemon.pod_name, true, false});
  }
  seen.daemons = Views([&](const Daemon& each) { return BootstrapUids(store, each.pod_uid); });
  seen.snapshots = All<StoreSnapshot>(kStoreSnapshotKind);
  seen.operations = All<StoreOperation>(kStoreOperationKind);
  CarryOut(kVectorStoreKind, store, PlanVectorStore(store, seen, now), "");
}

void World::ReconcileRepository(const SnapshotRepository& repository) {
  RepositoryObserved seen;
  RepositoryProbe probe;
  if (repository_up) {
    probe.identity = repository_id;
  } else {
    probe.fault = ProbeFault::kUnreachable;
  }
  seen.probe = probe;
  CarryOut<SnapshotRepository>(kSnapshotRepositoryKind, repository,
                               PlanRepository(repository, seen, now), "");
}

int World::Reconcile(int64_t epoch) {
  writes_ = 0;
  epoch_ = epoch;
  was_cut_ = false;
  for (const auto& each : All<SnapshotRepository>(kSnapshotRepositoryKind)) {
    ReconcileRepository(each);
  }
  for (const auto& each : All<VectorStore>(kVectorStoreKind)) ReconcileStore(each);
  for (const auto& each : All<StoreSnapshotSchedule>(kStoreSnapshotScheduleKind)) {
    ReconcileSchedule(each);
  }
  for (const auto& each : All<StoreOperation>(kStoreOperationKind)) ReconcileOperation(each);
  for (const auto& each : All<StoreSnapshot>(kStoreSnapshotKind)) ReconcileSnapshot(each);
  CheckAlways();
  return writes_;
}

bool World::Settle(int passes_max) {
  int quiet = 0;
  for (int i = 0; i < passes_max && quiet < 10; ++i) {
    Pass(seconds(31));
    quiet = Reconcile(epoch_) == 0 && !IsAtWork() ? quiet + 1 : 0;
  }
  return quiet == 10;
}

bool World::IsAtWork() const {
  for (const Daemon& daemon : daemons) {
    for (const auto& [uid, operation] : daemon.operations) {
      if (daemon.up && !operation.ended) return true;
    }
  }
  return false;
}

// S5: what a status claims to be there is there.
void World::CheckAlways() {
  for (const auto& snapshot : All<StoreSnapshot>(kStoreSnapshotKind)) {
    if (snapshot.meta.IsDeleting()) continue;
    for (const SnapshotItem& item : snapshot.status.items) {
      if (item.state == ItemState::kSucceeded && manifests.count(item.manifest_key) == 0) {
        Break("S5: " + snapshot.meta.name + " claims " + item.manifest_key);
      }
    }
    if (IsTrue(snapshot.status.conditions, "Succeeded") && !AllTaken(snapshot)) {
      Break("S5: " + snapshot.meta.name + " succeeded without all of its stores");
    }
  }
}

bool World::AllTaken(const StoreSnapshot& snapshot) {
  const auto& items = snapshot.status.items;
  return !items.empty() && std::all_of(items.begin(), items.end(), [](const SnapshotItem& each) {
    return each.state == ItemState::kSucceeded;
  });
}

void World::CheckNothingLeftOver() {
  std::set<std::string> known;
  for (const auto& snapshot : All<StoreSnapshot>(kStoreSnapshotKind)) {
    if (!IsTerminal(snapshot.status.conditions))
      Break(snapshot.meta.name + " is not at its end: " + WriteFields(snapshot.status).dump());
    for (const Uuid& uid : PossibleUids(snapshot)) known.insert(uid.ToString());
  }
  for (const auto& [key, manifest] : manifests) {
    if (known.count(manifest.uid) == 0) Break("nobody knows of " + key);
  }
  for (const auto& operation : All<StoreOperation>(kStoreOperationKind)) {
    const bool waits = operation.spec.suspend && operation.status.plan;
    if (!IsTerminal(operation.status.conditions) && !waits) {
      Break(operation.meta.name + " is not at its end: " + WriteFields(operation.status).dump());
    }
  }
}

}  // namespace pannier::test
