// Things of single rules of a StoreCleanupPolicy.
#include <algorithm>
#include <set>

#include "lib/core/time_text.h"
#include "operator/plan/snapshot_pieces.h"
#include "operator/plan/store_cleanup_policy_plan.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

// Where a stock client goes that is told nothing: it stays.
constexpr const char* kDefaultStore = "default_tenant/default_database";

// The newest state of the store that a sound snapshot has; nothing: none has any.
std::optional<uint64_t> SavedSequence(const StoreView& store,
                                      const std::vector<StoreSnapshot>& snapshots) {
  std::optional<uint64_t> saved;
  for (const StoreSnapshot& each : snapshots) {
    if (!IsSound(each) || each.meta.IsDeleting()) continue;
    for (const SnapshotItem& item : each.status.items) {
      if (item.store_id != store.id || !item.verified || !item.sequence) continue;
      saved = std::max(saved.value_or(0), static_cast<uint64_t>(*item.sequence));
    }
  }
  return saved;
}

// Names of the claims that pods use, by volume or by claim template (POD-VOLUME).
std::set<std::string> ClaimsInUse(const std::vector<nlohmann::json>& pods) {
  std::set<std::string> names;
  for (const nlohmann::json& pod : pods) {
    const std::string pod_name = ReadMeta(pod).name;
    const nlohmann::json volumes = pod.value("/spec/volumes"_json_pointer, nlohmann::json::array());
    for (const nlohmann::json& volume : volumes) {
      if (volume.contains("persistentVolumeClaim")) {
        names.insert(volume["persistentVolumeClaim"].value("claimName", ""));
      }
      if (volume.contains("ephemeral")) names.insert(pod_name + "-" + volume.value("name", ""));
    }
  }
  return names;
}

}  // namespace

std::vector<CleanupThing> IdleStores(const StoreCleanupPolicy& policy,
                                     const std::vector<DaemonView>& daemons,
                                     const std::vector<StoreSnapshot>& snapshots, WallTime now) {
  std::vector<CleanupThing> things;
  if (!policy.spec.rules.idle_stores) return things;
  const IdleStoresRule& rule = *policy.spec.rules.idle_stores;
  for (const DaemonView& daemon : daemons) {
    for (const StoreView& store : daemon.stores) {
      if (store.temporary || store.name == kDefaultStore) continue;
      CleanupThing thing;
      thing.rule = kIdleStoresRule;
      thing.kind = "Store";
      thing.name = daemon.pod_name + ":" + store.name;
      thing.uid = daemon.pod_uid + "/" + store.id;
      thing.place = daemon.pod_uid;
      thing.store = store.name;
      thing.bytes = store.bytes;
      thing.since = store.unused_since;
      if (rule.require_verified_snapshot) thing.sequence = SavedSequence(store, snapshots);
      const bool idle =
          store.unused_since && now - *store.unused_since >= seconds(rule.idle_seconds);
      // A store that is closed does not tell its sequence: the daemon compares once more.
      const bool saved =
          !rule.require_verified_snapshot || (thing.sequence && *thing.sequence >= store.sequence);
      thing.needed = !idle || !saved;
      thing.why = idle && thing.needed ? "idle, but not in a verified snapshot" : "idle";
      things.push_back(std::move(thing));
    }
  }
  return things;
}

std::vector<CleanupThing> SilentSessions(const StoreCleanupPolicy& policy,
                                         const std::string& pod_uid, const std::string& pod_name,
                                         const std::vector<SessionView>& sessions, WallTime now) {
  std::vector<CleanupThing> things;
  if (!policy.spec.rules.sessions) return things;
  const seconds grace(policy.spec.rules.sessions->idle_seconds);
  for (const SessionView& session : sessions) {
    CleanupThing thing;
    thing.rule = kSessionsRule;
    thing.kind = "Session";
    thing.name = pod_name + ":" + session.id;
    thing.uid = pod_uid + "/" + session.uid;
    thing.place = pod_uid;
    thing.since = session.last_activity;
    thing.needed = !session.last_activity || now - *session.last_activity < grace;
    thing.why = "nothing was heard of it";
    things.push_back(std::move(thing));
  }
  return things;
}

std::vector<CleanupThing> FailedSnapshots(const StoreCleanupPolicy& policy,
                                          const std::vector<StoreSnapshot>& snapshots,
                                          const std::vector<StoreOperation>& operations) {
  std::vector<CleanupThing> things;
  if (!policy.spec.rules.snapshots) return things;
  for (const StoreSnapshot& each : snapshots) {
    CleanupThing thing;
    thing.rule = kSnapshotsRule;
    thing.kind = kStoreSnapshotKind.name;
    thing.name = each.meta.name;
    thing.uid = each.meta.uid;
    thing.resource_version = each.meta.resource_version;
    thing.since = each.status.completion;
    thing.why = ReasonOf(each.status.conditions, "Succeeded");
    // What holds some stores may be the last that holds them, unless a newer one is sound.
    const bool newer = std::any_of(snapshots.begin(), snapshots.end(), [&](const auto& other) {
      return IsSound(other) && !IsPiece(other.meta) &&
             other.spec.vector_store.name == each.spec.vector_store.name &&
             IsOlder(each.meta, other.meta);
    });
    const bool has_data = each.status.stores && each.status.stores->succeeded > 0;
    // A piece goes with its whole.
    thing.needed = !IsFalse(each.status.conditions, "Succeeded") || each.spec.hold ||
                   IsPiece(each.meta) || each.meta.IsDeleting() || IsPinned(each, operations) ||
                   (has_data && !newer);
    things.push_back(std::move(thing));
  }
  return things;
}

std::vector<CleanupThing> UnusedClaims(const StoreCleanupPolicy& policy,
                                       const std::vector<nlohmann::json>& claims,
                                       const std::vector<nlohmann::json>& pods) {
  std::vector<CleanupThing> things;
  if (!policy.spec.rules.claims || policy.spec.rules.claims->selector.IsEmpty()) return things;
  const std::set<std::string> in_use = ClaimsInUse(pods);
  for (const nlohmann::json& claim : claims) {
    const Meta meta = ReadMeta(claim);
    if (!policy.spec.rules.claims->selector.Matches(meta.labels)) continue;
    CleanupThing thing;
    thing.rule = kClaimsRule;
    thing.kind = "PersistentVolumeClaim";
    thing.name = meta.name;
    thing.uid = meta.uid;
    thing.resource_version = meta.resource_version;
    thing.needed = in_use.count(meta.name) != 0 || meta.IsDeleting();
    thing.why = "no pod uses it";
    thing.since = ParseTime(meta.Annotation(kUnusedSince));
    things.push_back(std::move(thing));
  }
  return things;
}

}  // namespace pannier::control
