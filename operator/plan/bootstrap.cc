#include "operator/plan/bootstrap.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "operator/plan/grants.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

constexpr seconds kSoon{1};
constexpr seconds kAgain{10};
constexpr size_t kNamedMax = 3;

bool Awaits(const DaemonView& daemon) { return daemon.reachable && daemon.awaiting_bootstrap; }

// --- what there is to begin with ---

// Every sound snapshot that StoreSnapshots and the repository know, but for those that are being
// deleted.
std::vector<RepositoryInventory::Snapshot> Candidates(const VectorStoreObserved& seen) {
  std::vector<RepositoryInventory::Snapshot> all;
  std::set<std::string> going;
  for (const StoreSnapshot& each : seen.snapshots) {
    if (each.status.repository_id != seen.repository->status.repository_id) continue;
    for (const SnapshotItem& item : each.status.items) {
      if (each.meta.IsDeleting()) going.insert(item.manifest_key);
      const bool is_sound = item.state == ItemState::kSucceeded && item.verified;
      if (each.meta.IsDeleting() || !each.status.start || !is_sound) continue;
      all.push_back({item.manifest_key, item.pod_name, item.store_name, *each.status.start});
    }
  }
  if (!seen.inventory) return all;
  for (const RepositoryInventory::Snapshot& each : seen.inventory->snapshots) {
    if (!going.contains(each.key)) all.push_back(each);
  }
  return all;
}

// Of every store the newest: of the pod of this name where there was one (as of a StatefulSet),
// else of any.
std::vector<std::string> ManifestsToBeginWith(const VectorStoreObserved& seen,
                                              const std::string& pod_name) {
  struct Best {
    bool is_own = false;
    WallTime time;
    std::string key;
  };
  std::map<std::string, Best> stores;
  for (const RepositoryInventory::Snapshot& each : Candidates(seen)) {
    const Best found{each.pod_name == pod_name, each.time, each.key};
    Best& best = stores[each.store_name];
    if (std::tie(best.is_own, best.time) < std::tie(found.is_own, found.time)) best = found;
  }
  const bool had_own = std::any_of(stores.begin(), stores.end(),
                                   [](const auto& each) { return each.second.is_own; });
  std::vector<std::string> manifests;
  for (const auto& [name, best] : stores) {
    if (best.is_own || !had_own) manifests.push_back(best.key);
  }
  return manifests;
}

// All that a daemon may have been told to begin with: the newest may be others by now.
GrantRule RuleOf(const VectorStoreObserved& seen) {
  GrantRule rule;
  for (const RepositoryInventory::Snapshot& each : Candidates(seen)) {
    rule.named_manifests.insert(each.key);
  }
  return rule;
}

// --- whether it may begin ---

std::string Some(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > kNamedMax ? text + ", …" : text;
}

// Of a repository that was read. "": what it has is known.
std::string DoubtOf(const VectorStoreObserved& seen) {
  const std::string name = "SnapshotRepository " + seen.repository->meta.name;
  const RepositoryInventory& inventory = *seen.inventory;
  if (!inventory.unreadable.empty()) {
    return name + " has snapshots that cannot be read, perhaps of this VectorStore: " +
           Some(inventory.unreadable) +
           "; take them away, or begin without any by bootstrap: Empty";
  }
  if (!inventory.unclaimed.empty() && Candidates(seen).empty()) {
    return name + " has snapshots that do not say whose they are, of the owners " +
           Some(inventory.unclaimed) + "; if one of them is this VectorStore's, annotate it with " +
           kBootstrapOwner + "=OWNER, else begin without any by bootstrap: Empty";
  }
  return "";
}

// --- a daemon's attempts ---

struct Attempt {
  Uuid uid;
  const OperationView* running = nullptr;  // else it is to be begun, unless it is to wait
  bool waits = false;                      // for the pause after the one before
};

// Where a daemon is; nothing: all attempts have failed.
std::optional<Attempt> AttemptOf(const VectorStore& store, const DaemonView& daemon, WallTime now) {
  std::optional<WallTime> due;
  int64_t number = 0;
  for (const Uuid& uid : BootstrapUids(store, daemon.pod_uid)) {
    const OperationView* operation = daemon.Operation(uid);
    if (operation == nullptr) return Attempt{uid, nullptr, due && !IsPauseOver(*due, now)};
    if (!operation->HasEnded()) return Attempt{uid, operation, false};
    ++number;
    if (operation->ended) due = *operation->ended + PauseAfter(number);
  }
  return std::nullopt;
}

bool WantsManifest(const OperationView& operation) {
  return std::any_of(operation.wants.begin(), operation.wants.end(),
                     [](const WantView& each) { return each.key.starts_with("snapshots/"); });
}

std::string LastFailure(const VectorStore& store, const DaemonView& daemon) {
  std::string message;
  for (const Uuid& uid : BootstrapUids(store, daemon.pod_uid)) {
    const OperationView* operation = daemon.Operation(uid);
    if (operation == nullptr || !operation->HasEnded()) return "";
    message = operation->message;
  }
  return "the last attempt to fill " + daemon.pod_name + " failed: " + message +
         "; a pod that is made anew tries again";
}

nlohmann::json BootstrapBody(const VectorStoreObserved& seen,
                             const std::vector<std::string>& manifests) {
  nlohmann::json body = {{"action", "restore"}, {"all", true}, {"manifests", manifests}};
  NameRepository(*seen.repository, seen.repository->status.repository_id, &body);
  return body;
}

void Begin(const VectorStoreObserved& seen, const DaemonView& daemon, const Uuid& uid,
           VectorStorePlan* plan) {
  const std::vector<std::string> manifests = ManifestsToBeginWith(seen, daemon.pod_name);
  plan->start.push_back({daemon.pod_uid, uid, BootstrapBody(seen, manifests)});
  plan->Tell(
      "Bootstrapping",
      manifests.empty()
          ? daemon.pod_name + " begins empty: there is no sound snapshot to begin with"
          : "restoring " + std::to_string(manifests.size()) + " stores of " + daemon.pod_name);
}

void BootstrapDaemon(const VectorStore& store, const VectorStoreObserved& seen,
                     const DaemonView& daemon, bool may_begin, WallTime now,
                     VectorStorePlan* plan) {
  const std::optional<Attempt> attempt = AttemptOf(store, daemon, now);
  if (!attempt) return;
  if (attempt->running != nullptr) {
    if (auto grant = GrantFor(daemon.pod_uid, attempt->uid, *attempt->running, RuleOf(seen))) {
      plan->grants.push_back(*std::move(grant));
    }
  } else if (may_begin && !attempt->waits) {
    Begin(seen, daemon, attempt->uid, plan);
  }
}

bool CanRead(const VectorStore& store, const VectorStoreObserved& seen) {
  return store.spec.bootstrap == Bootstrap::kLatestSnapshot && seen.complete && seen.repository &&
         IsTrue(seen.repository->status.conditions, "Ready");
}

}  // namespace

std::vector<Uuid> BootstrapUids(const VectorStore& store, const std::string& pod_uid) {
  std::vector<Uuid> uids;
  for (int64_t attempt = 1; attempt <= store.spec.recovery.max_attempts; ++attempt) {
    uids.push_back(OperationUid({store.meta.uid, "bootstrap", pod_uid, std::to_string(attempt)}));
  }
  return uids;
}

bool NeedsInventory(const VectorStore& store, const VectorStoreObserved& seen, WallTime now) {
  if (!CanRead(store, seen)) return false;
  return std::any_of(seen.daemons.begin(), seen.daemons.end(), [&](const DaemonView& daemon) {
    if (!Awaits(daemon)) return false;
    const std::optional<Attempt> attempt = AttemptOf(store, daemon, now);
    if (!attempt || attempt->waits) return false;
    return attempt->running == nullptr || WantsManifest(*attempt->running);
  });
}

std::string WhyBootstrapWaits(const VectorStore& store, const VectorStoreObserved& seen) {
  const std::string named = store.spec.repository_ref ? store.spec.repository_ref->name : "";
  if (!seen.repository) return "there is no SnapshotRepository " + named;
  const Condition* ready = Find(seen.repository->status.conditions, "Ready");
  if (ready == nullptr || ready->status != Truth::kTrue) {
    return "SnapshotRepository " + named +
           " is not ready: " + (ready == nullptr ? "not looked at yet" : ready->reason);
  }
  if (!seen.complete) return "not every StoreSnapshot can be read";
  if (!seen.inventory && !seen.inventory_trouble.empty()) {
    return "it is not known what SnapshotRepository " + named + " has: " + seen.inventory_trouble;
  }
  std::string why = seen.inventory ? DoubtOf(seen) : "";
  for (const DaemonView& daemon : seen.daemons) {
    if (why.empty() && Awaits(daemon)) why = LastFailure(store, daemon);
  }
  return why;
}

void PlanBootstrap(const VectorStore& store, const VectorStoreObserved& seen, WallTime now,
                   VectorStorePlan* plan) {
  // Who does not see every snapshot would begin with too little.
  if (!CanRead(store, seen)) return;
  const bool may_begin = seen.inventory && DoubtOf(seen).empty();
  for (const DaemonView& daemon : seen.daemons) {
    if (!Awaits(daemon)) continue;
    BootstrapDaemon(store, seen, daemon, may_begin, now, plan);
    // Its workers wait for it; what keeps it is seldom over in a second.
    const bool is_kept = !seen.inventory_trouble.empty() || (seen.inventory && !may_begin);
    plan->LookAt(now + (is_kept ? kAgain : kSoon));
  }
}

}  // namespace pannier::control
