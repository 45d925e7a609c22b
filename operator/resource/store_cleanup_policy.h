// StoreCleanupPolicy: what nobody needs any more, and what may be done about it. Threads: plain
// values.
#pragma once

#include "operator/resource/condition.h"
#include "operator/resource/resource.h"

namespace pannier::control {

enum class CleanupMode { kReport, kQuarantine, kDelete };

struct IdleStoresRule {
  int64_t idle_seconds = 0;
  bool require_verified_snapshot = true;
  int64_t quarantine_seconds = 604800;
  void Fields(Visitor& v);
};
struct SessionsRule {
  int64_t idle_seconds = 0;
  void Fields(Visitor& v);
};
struct OrphanFilesRule {
  int64_t older_than_seconds = 0;
  void Fields(Visitor& v);
};
struct RepositoryObjectsRule {
  int64_t unreferenced_seconds = 0;
  void Fields(Visitor& v);
};
struct SnapshotsRule {
  int64_t failed_older_than_seconds = 0;
  void Fields(Visitor& v);
};
struct ClaimsRule {
  LabelSelector selector;
  int64_t unused_seconds = 0;
  void Fields(Visitor& v);
};
struct CleanupRules {
  std::optional<IdleStoresRule> idle_stores;
  std::optional<SessionsRule> sessions;
  std::optional<OrphanFilesRule> orphan_files;
  std::optional<RepositoryObjectsRule> repository_objects;
  std::optional<SnapshotsRule> snapshots;
  std::optional<ClaimsRule> claims;
  void Fields(Visitor& v);
};
struct CleanupLimits {
  int64_t max_deletions = 20, max_percent = 20;
  void Fields(Visitor& v);
};

struct StoreCleanupPolicySpec {
  std::string schedule, time_zone;
  bool suspend = false;
  CleanupMode mode = CleanupMode::kReport;
  LabelSelector vector_stores;  // empty: all of the namespace
  CleanupRules rules;
  CleanupLimits limits;
  void Fields(Visitor& v);
};

struct RuleResult {
  std::string rule;
  int64_t candidates = 0, deleted = 0, reclaimed_bytes = 0;
  void Fields(Visitor& v);
};
struct CleanupSample {
  std::string kind, name, uid, reason;
  std::optional<WallTime> since;
  void Fields(Visitor& v);
};

inline constexpr size_t kSampleMax = 50;

struct StoreCleanupPolicyStatus {
  Conditions conditions;  // Ready, LimitReached
  std::optional<WallTime> last_run, next_run;
  std::vector<RuleResult> rules;
  std::vector<CleanupSample> sample;
  void Fields(Visitor& v);
};

using StoreCleanupPolicy = Resource<StoreCleanupPolicySpec, StoreCleanupPolicyStatus>;
extern const Kind kStoreCleanupPolicyKind;

}  // namespace pannier::control
