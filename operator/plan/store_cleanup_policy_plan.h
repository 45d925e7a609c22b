// What becomes of a StoreCleanupPolicy: a run when it is due, which says what nobody needs and,
// where the mode allows, removes what an earlier run named already. Threads: pure functions.
#pragma once

#include <string>
#include <vector>

#include "operator/plan/daemon_view.h"
#include "operator/plan/plan.h"
#include "operator/plan/snapshot_states.h"
#include "operator/resource/store_cleanup_policy.h"

namespace pannier::control {

inline constexpr const char* kIdleStoresRule = "idleStores";
inline constexpr const char* kSessionsRule = "sessions";
inline constexpr const char* kOrphanFilesRule = "orphanFiles";
inline constexpr const char* kRepositoryObjectsRule = "repositoryObjects";
inline constexpr const char* kSnapshotsRule = "snapshots";
inline constexpr const char* kClaimsRule = "persistentVolumeClaims";

// Something that a rule is about, whether it is needed or not: limits are parts of all.
struct CleanupThing {
  std::string rule, kind, name, uid, resource_version;
  std::string
      place;  // the pod's uid of a store, file or session, the repository's name of an object
  uint64_t bytes = 0;
  bool needed = true;
  std::string why;  // it is not needed, or must stay nevertheless
  std::optional<WallTime> since =
      {};                  // since when nobody needs it, by what is kept on the thing itself
  std::string store = {};  // of a store: TENANT/DATABASE
  std::optional<uint64_t> sequence = {};  // of a store: what the newest sound snapshot has of it
};

struct CleanupObserved {
  // Lists that could not be read. With one of them nothing is removed: who needs a thing may be on
  // it.
  std::vector<std::string> errors;
  // Read live, as are all who may need them, when a run is due.
  std::vector<CleanupThing> things;
  // Whether this operator may delete claims (--allow-claim-deletion): else they are only reported.
  bool may_delete_claims = true;
};

struct CleanupPlan : Plan<StoreCleanupPolicyStatus> {
  // Repositories whose unreferenced objects are collected, by name, with the grace.
  std::vector<std::pair<std::string, std::chrono::seconds>> collect;
};

// The run that is due; nothing when none is.
std::optional<WallTime> CleanupSlot(const StoreCleanupPolicy& policy, WallTime now);
// The uid of the sweep that a run asks the daemon of a pod for.
Uuid SweepUid(const StoreCleanupPolicy& policy, const std::string& pod_uid, WallTime slot);

// And of the one that ends sessions.
Uuid SessionsUid(const StoreCleanupPolicy& policy, const std::string& pod_uid, WallTime slot);

CleanupPlan PlanCleanup(const StoreCleanupPolicy& policy, const CleanupObserved& seen,
                        WallTime now);

// Things of single rules, from what was read.
std::vector<CleanupThing> IdleStores(const StoreCleanupPolicy& policy,
                                     const std::vector<DaemonView>& daemons,
                                     const std::vector<StoreSnapshot>& snapshots, WallTime now);
// Of one daemon.
std::vector<CleanupThing> SilentSessions(const StoreCleanupPolicy& policy,
                                         const std::string& pod_uid, const std::string& pod_name,
                                         const std::vector<SessionView>& sessions, WallTime now);
std::vector<CleanupThing> FailedSnapshots(const StoreCleanupPolicy& policy,
                                          const std::vector<StoreSnapshot>& snapshots,
                                          const std::vector<StoreOperation>& operations);
// Claims and pods as the API gave them, all of the namespace.
std::vector<CleanupThing> UnusedClaims(const StoreCleanupPolicy& policy,
                                       const std::vector<nlohmann::json>& claims,
                                       const std::vector<nlohmann::json>& pods);

}  // namespace pannier::control
