#include "operator/plan/snapshot_items.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "lib/contract/admin_api.h"
#include "operator/plan/grants.h"
#include "operator/plan/inventory.h"
#include "operator/resource/names.h"
#include "operator/resource/text.h"

namespace pannier::control {
namespace {

constexpr size_t kMessageMax = 256;
constexpr const char* kIncludes[] = {"Always", "IfClean", "Never"};

// How a daemon that never answered stands among the items.
constexpr const char* kUnknownStores = "unknown/unknown";
constexpr const char* kNoPod = "none";

std::string TextOf(const nlohmann::json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_string()
             ? object[name].get<std::string>()
             : "";
}

std::optional<int64_t> NumberOf(const nlohmann::json& object, const char* name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_number_integer()) {
    return std::nullopt;
  }
  return object[name].get<int64_t>();
}

// The newest manifest of the same store in the same repository, whose chunks need not be sent
// again.
std::string ParentOf(const SnapshotItem& item, const std::string& repository_id,
                     const std::vector<StoreSnapshot>& siblings) {
  const Meta* newest = nullptr;
  std::string key;
  for (const StoreSnapshot& each : siblings) {
    if (each.status.repository_id != repository_id || each.meta.IsDeleting()) continue;
    for (const SnapshotItem& other : each.status.items) {
      if (other.state != ItemState::kSucceeded || !other.verified || item.store_id.empty() ||
          other.store_id != item.store_id || other.manifest_key.empty()) {
        continue;
      }
      if (newest != nullptr && IsOlder(each.meta, *newest)) continue;
      newest = &each.meta;
      key = other.manifest_key;
    }
  }
  return key;
}

class Follower {
 public:
  Follower(const StoreSnapshot& snapshot, const SnapshotObserved& seen, WallTime now,
           SnapshotPlan* plan)
      : snapshot_(snapshot),
        seen_(seen),
        now_(now),
        plan_(plan),
        running_(RunningOf(plan->status.items)) {}

  void Follow(SnapshotItem* item) {
    if (item->state == ItemState::kSucceeded || item->state == ItemState::kFailed) return;
    const DaemonView* daemon = FindDaemon(seen_.daemons, item->pod_uid);
    if (daemon == nullptr) return Fail(item, "the pod is gone");
    if (!daemon->reachable) {
      item->message = Cut(WhyUnreachable(*daemon), kMessageMax);
      return;
    }
    if (item->attempt == 0) {
      if (running_ >= seen_.transfers) return;  // its turn comes
      ++running_;
      return Try(item, *daemon, 1);
    }
    const OperationView* operation = daemon->Operation(UidOf(*item));
    if (operation != nullptr && operation->HasEnded()) return Judge(item, *daemon, *operation);
    if (item->session_id != daemon->session_id) {
      // Another run of the daemon: what the old one began counts as an attempt, and must not go on
      // beside the next one.
      if (operation != nullptr) plan_->cancel.push_back({item->pod_uid, UidOf(*item)});
      return Retry(item, *daemon, "the daemon was started again", std::nullopt);
    }
    if (operation == nullptr) return Try(item, *daemon, item->attempt);
    item->message.clear();
    Grant(*item, *operation);
  }

 private:
  Uuid UidOf(const SnapshotItem& item) const {
    return SnapshotOperationUid(snapshot_.meta, item.pod_uid, item.store_name, item.attempt);
  }

  void Fail(SnapshotItem* item, const std::string& why) {
    item->state = ItemState::kFailed;
    item->message = Cut(why, kMessageMax);
  }

  // Asks for attempt `number`, which was perhaps asked for already by a pass that was cut short.
  void Try(SnapshotItem* item, const DaemonView& daemon, int64_t number) {
    item->attempt = number;
    item->state = ItemState::kRunning;
    item->session_id = daemon.session_id;
    const OperationView* known = daemon.Operation(UidOf(*item));
    if (known != nullptr) {
      if (known->HasEnded()) return Judge(item, daemon, *known);
      return Grant(*item, *known);
    }
    plan_->start.push_back({item->pod_uid, UidOf(*item), Body(*item, daemon)});
  }

  nlohmann::json Body(const SnapshotItem& item, const DaemonView& daemon) const {
    const StoreSnapshotSpec& spec = snapshot_.spec;
    nlohmann::json body = {
        {"action", "snapshot"},
        {"store", item.store_name},
        {"verification", spec.verification == Verification::kDeep ? "Deep" : "Manifest"},
        {"includeIndex", kIncludes[static_cast<size_t>(spec.include_index)]},
        {"timeoutSeconds", spec.timeout_seconds}};
    // An older daemon refuses what it does not know.
    if (daemon.admin_api >= contract::kAdminApiWithOrigin) {
      body["origin"] = OriginOf(seen_.vector_store->meta, item.pod_name);
    }
    NameRepository(*seen_.repository, seen_.repository->status.repository_id, &body);
    if (!seen_.repository->spec.s3) return body;
    body["owner"] = seen_.vector_store->meta.uid;
    const std::string parent =
        ParentOf(item, seen_.repository->status.repository_id, seen_.siblings);
    if (!parent.empty()) body["parentKey"] = parent;
    return body;
  }

  void Retry(SnapshotItem* item, const DaemonView& daemon, const std::string& why,
             std::optional<WallTime> ended) {
    if (item->attempt > snapshot_.spec.backoff_limit) {
      return Fail(item, why + "; tried " + std::to_string(item->attempt) + " times");
    }
    item->message = Cut(why, kMessageMax);
    const WallTime due = ended ? *ended + PauseAfter(item->attempt) : now_;
    if (!IsPauseOver(due, now_)) return plan_->LookAt(due);
    Try(item, daemon, item->attempt + 1);
  }

  void Judge(SnapshotItem* item, const DaemonView& daemon, const OperationView& operation) {
    if (operation.state == OperationState::kSucceeded) return Take(item, operation.result);
    if (operation.state == OperationState::kCancelled) return Fail(item, "it was cancelled");
    if (operation.IsHopeless()) return Fail(item, operation.message);
    Retry(item, daemon, operation.message, operation.ended);
  }

  void Take(SnapshotItem* item, const nlohmann::json& result) {
    item->store_id = TextOf(result, "storeID");
    item->snapshot_uid = TextOf(result, "uid");
    item->manifest_key = TextOf(result, "manifest");
    item->sequence = NumberOf(result, "sequence");
    item->bytes = NumberOf(result, "bytes");
    item->new_bytes = NumberOf(result, "newBytes");
    item->manifest_sha256 = TextOf(result, "manifestSHA256");
    item->verified = result.is_object() && result.value("verified", false);
    item->message.clear();
    item->state = ItemState::kSucceeded;
    if (item->manifest_key.empty()) return Fail(item, "the daemon names no manifest");
    if (!item->verified) Fail(item, "the snapshot was not found sound");
  }

  // Only what a snapshot needs: chunks, the manifests of this VectorStore, and to read whose the
  // repository is; a manifest is written only where there is none.
  void Grant(const SnapshotItem& item, const OperationView& operation) {
    GrantRule rule;
    rule.own_manifests = "snapshots/" + seen_.vector_store->meta.uid + "/";
    rule.may_write = true;
    std::optional<DaemonGrant> grant = GrantFor(item.pod_uid, UidOf(item), operation, rule);
    if (!grant) return;
    plan_->grants.push_back(*std::move(grant));
    plan_->LookAt(now_ + std::chrono::seconds(1));  // it asks for the next ones soon
  }

  const StoreSnapshot& snapshot_;
  const SnapshotObserved& seen_;
  const WallTime now_;
  SnapshotPlan* const plan_;
  int64_t running_;
};

}  // namespace

Uuid SnapshotOperationUid(const Meta& snapshot, const std::string& pod_uid,
                          const std::string& store, int64_t attempt) {
  return OperationUid({snapshot.uid, "snapshot", pod_uid, store, std::to_string(attempt)});
}

std::vector<Uuid> OperationsOf(const StoreSnapshot& snapshot, const std::string& pod_uid,
                               const std::vector<StoreView>& stores) {
  std::vector<Uuid> uids;
  // More than fit are begun by its pieces.
  if (snapshot.status.pieces) return uids;
  if (snapshot.status.items.empty()) {
    if (stores.size() > kSnapshotItemsMax) return uids;
    for (const StoreView& store : stores) {
      if (!Overlap(snapshot.spec.store_names, {store.name})) continue;
      uids.push_back(SnapshotOperationUid(snapshot.meta, pod_uid, store.name, 1));
    }
    return uids;
  }
  for (const SnapshotItem& item : snapshot.status.items) {
    if (item.pod_uid != pod_uid || item.state == ItemState::kSucceeded ||
        item.state == ItemState::kFailed) {
      continue;
    }
    // The next attempt, too: a pass that was cut short may have begun it.
    for (const int64_t attempt : {item.attempt, item.attempt + 1}) {
      if (attempt == 0) continue;
      uids.push_back(SnapshotOperationUid(snapshot.meta, pod_uid, item.store_name, attempt));
    }
  }
  return uids;
}

bool IsUnknown(const SnapshotItem& item) { return item.store_name == kUnknownStores; }
bool IsMissing(const SnapshotItem& item) { return item.pod_uid == kNoPod; }

bool IsOfPod(const StoreSnapshotSpec& spec, const std::string& pod_name) {
  const auto& names = spec.pod_names;
  return names.empty() || std::find(names.begin(), names.end(), pod_name) != names.end();
}

namespace {

SnapshotItem FailedItem(std::string pod_uid, std::string store, const std::string& why) {
  SnapshotItem item;
  item.pod_uid = std::move(pod_uid);
  item.store_name = std::move(store);
  item.state = ItemState::kFailed;
  item.message = Cut(why, kMessageMax);
  return item;
}

void TakeDaemon(const StoreSnapshotSpec& spec, const DaemonView& daemon,
                std::vector<SnapshotItem>* items) {
  if (!daemon.reachable) {
    items->push_back(FailedItem(daemon.pod_uid, kUnknownStores, WhyUnreachable(daemon)));
    items->back().pod_name = daemon.pod_name;
    return;
  }
  for (const StoreView& store : daemon.stores) {
    if (!Overlap(spec.store_names, {store.name})) continue;
    SnapshotItem item;
    item.pod_uid = daemon.pod_uid;
    item.pod_name = daemon.pod_name;
    item.store_name = store.name;
    item.store_id = store.id;
    items->push_back(std::move(item));
  }
}

}  // namespace

std::vector<SnapshotItem> ItemsToTake(const StoreSnapshotSpec& spec,
                                      const std::vector<DaemonView>& daemons) {
  std::vector<SnapshotItem> items;
  std::set<std::string> pods, stores;
  for (const DaemonView& daemon : daemons) {
    if (!IsOfPod(spec, daemon.pod_name)) continue;
    pods.insert(daemon.pod_name);
    TakeDaemon(spec, daemon, &items);
  }
  if (items.empty()) return items;
  for (const std::string& name : spec.pod_names) {
    if (pods.contains(name)) continue;
    const std::string stand_in = "gone-" + std::to_string(HashOf(name));
    items.push_back(FailedItem(stand_in, kUnknownStores, "the pod is gone"));
    items.back().pod_name = name;
  }
  // Whose stores nobody knows may have any of them.
  if (std::any_of(items.begin(), items.end(), IsUnknown)) return items;
  for (const SnapshotItem& each : items) stores.insert(each.store_name);
  for (const std::string& name : spec.store_names) {
    if (!stores.contains(name)) {
      items.push_back(FailedItem(kNoPod, name, "no daemon has this store"));
    }
  }
  return items;
}

void BeginItems(const SnapshotObserved& seen, std::vector<SnapshotItem>* items) {
  int64_t left = seen.transfers;
  for (SnapshotItem& item : *items) {
    const DaemonView* daemon = FindDaemon(seen.daemons, item.pod_uid);
    if (left == 0 || daemon == nullptr || item.state != ItemState::kPending) continue;
    item.attempt = 1;
    item.state = ItemState::kRunning;
    item.session_id = daemon->session_id;
    --left;
  }
}

void FollowItems(const StoreSnapshot& snapshot, const SnapshotObserved& seen, WallTime now,
                 SnapshotPlan* plan) {
  if (!seen.vector_store || !seen.repository) return;
  Follower follower(snapshot, seen, now, plan);
  for (SnapshotItem& item : plan->status.items) follower.Follow(&item);
}

void CancelItem(const Meta& snapshot, const SnapshotItem& item, SnapshotPlan* plan) {
  // The next attempt, too: a pass that was cut short may have begun it.
  for (int64_t attempt = std::max<int64_t>(item.attempt, 1); attempt <= item.attempt + 1;
       ++attempt) {
    plan->cancel.push_back(
        {item.pod_uid, SnapshotOperationUid(snapshot, item.pod_uid, item.store_name, attempt)});
  }
}

std::vector<Uuid> PossibleUids(const StoreSnapshot& snapshot) {
  std::vector<Uuid> uids;
  for (const SnapshotItem& item : snapshot.status.items) {
    for (int64_t attempt = 1; attempt <= item.attempt + 1; ++attempt) {
      uids.push_back(SnapshotOperationUid(snapshot.meta, item.pod_uid, item.store_name, attempt));
    }
  }
  return uids;
}

void SumUp(StoreSnapshotStatus* status) {
  std::stable_sort(status->items.begin(), status->items.end(),
                   [](const SnapshotItem& a, const SnapshotItem& b) {
                     const bool a_sound = a.state != ItemState::kFailed;
                     const bool b_sound = b.state != ItemState::kFailed;
                     return std::tie(a_sound, a.pod_name, a.store_name) <
                            std::tie(b_sound, b.pod_name, b.store_name);
                   });
  ItemCounts counts;
  int64_t bytes = 0, new_bytes = 0, attempt = 0;
  for (const SnapshotItem& item : status->items) {
    ++counts.total;
    counts.succeeded += item.state == ItemState::kSucceeded ? 1 : 0;
    counts.failed += item.state == ItemState::kFailed ? 1 : 0;
    bytes += item.bytes.value_or(0);
    new_bytes += item.new_bytes.value_or(0);
    attempt = std::max(attempt, item.attempt);
  }
  status->stores = counts;
  status->bytes = bytes;
  status->new_bytes = new_bytes;
  status->attempt = attempt;
}

int64_t FailedOf(const std::vector<SnapshotItem>& items) {
  return std::count_if(items.begin(), items.end(),
                       [](const SnapshotItem& each) { return each.state == ItemState::kFailed; });
}

int64_t RunningOf(const std::vector<SnapshotItem>& items) {
  return std::count_if(items.begin(), items.end(),
                       [](const SnapshotItem& each) { return each.state == ItemState::kRunning; });
}

int64_t UnfinishedOf(const std::vector<SnapshotItem>& items) {
  return std::count_if(items.begin(), items.end(), [](const SnapshotItem& each) {
    return each.state == ItemState::kPending || each.state == ItemState::kRunning;
  });
}

bool AllVerified(const std::vector<SnapshotItem>& items) {
  return !items.empty() && std::all_of(items.begin(), items.end(), [](const SnapshotItem& each) {
    return each.state == ItemState::kSucceeded && each.verified;
  });
}

const char* PhaseOf(const StoreSnapshot& snapshot, const SnapshotObserved& seen) {
  int least = 2;
  for (const SnapshotItem& item : snapshot.status.items) {
    if (item.state == ItemState::kSucceeded || item.state == ItemState::kFailed) continue;
    const DaemonView* daemon = FindDaemon(seen.daemons, item.pod_uid);
    const OperationView* operation =
        daemon == nullptr ? nullptr
                          : daemon->Operation(SnapshotOperationUid(snapshot.meta, item.pod_uid,
                                                                   item.store_name, item.attempt));
    const std::string phase = operation == nullptr ? "" : operation->phase;
    const int at = phase.starts_with("verif") || phase.starts_with("check")   ? 2
                   : phase.starts_with("commit") || phase.starts_with("writ") ? 1
                                                                              : 0;
    least = std::min(least, at);
  }
  static constexpr const char* kPhases[] = {kRunning, kCommitting, kVerifying};
  return snapshot.status.items.empty() ? kRunning : kPhases[least];
}

}  // namespace pannier::control
