// StoreOperation: one repair, check or restore of one store. Threads: plain values.
#pragma once

#include "operator/resource/condition.h"
#include "operator/resource/resource.h"

namespace pannier::control {

struct OperationTarget {
  std::string pod_name, store_name;
  void Fields(Visitor& v);
};
enum class VerifyLevel { kQuick, kFull };
struct VerifyAction {
  VerifyLevel level = VerifyLevel::kFull;
  void Fields(Visitor& v);
};
struct RebuildAction {
  std::vector<std::string> collections;  // empty: all
  void Fields(Visitor& v);
};
struct EmptyAction {
  void Fields(Visitor&) {}
};
struct ManifestSource {
  Reference repository;
  std::string key, sha256;
  void Fields(Visitor& v);
};
struct LatestSource {
  std::optional<WallTime> not_after;
  void Fields(Visitor& v);
};
struct RestoreAction {
  std::optional<Reference> snapshot;       // one
  std::optional<ManifestSource> manifest;  // of these
  std::optional<LatestSource> latest;      // three
  std::string to_store_name;
  void Fields(Visitor& v);
};
enum class MergeConflict { kKeep, kReplace, kNewest };
struct MergeAction {
  std::string from_store_name;
  MergeConflict on_conflict = MergeConflict::kKeep;
  void Fields(Visitor& v);
};
struct ForkAction {
  std::string to_store_name;
  void Fields(Visitor& v);
};
// Exactly one of them.
struct ActionSpec {
  std::optional<VerifyAction> verify;
  std::optional<RebuildAction> rebuild_index;
  std::optional<EmptyAction> salvage;
  std::optional<RestoreAction> restore;
  std::optional<EmptyAction> compact;
  std::optional<MergeAction> merge;
  std::optional<ForkAction> fork;
  void Fields(Visitor& v);
};

struct StoreOperationSpec {
  Reference vector_store;
  OperationTarget target;
  ActionSpec action;
  bool dry_run = false, suspend = false;
  int64_t timeout_seconds = 3600, backoff_limit = 2, ttl_seconds_after_finished = 604800;
  void Fields(Visitor& v);
};

struct Executor {
  std::string pod_name, pod_uid, session_id;
  void Fields(Visitor& v);
};
struct OperationPlan {
  std::string source;
  std::optional<int64_t> bytes, data_loss_seconds;
  std::vector<std::string> steps;
  void Fields(Visitor& v);
};
struct OperationResult {
  std::optional<int64_t> checked, rebuilt, salvaged, lost, restored_sequence;
  std::string quarantine_path;
  std::vector<std::string> messages;
  void Fields(Visitor& v);
};

inline constexpr size_t kPlanStepsMax = 16, kResultMessagesMax = 20;

struct StoreOperationStatus {
  Conditions conditions;  // Accepted, Fenced, Succeeded
  std::optional<WallTime> start, completion;
  std::optional<int64_t> attempt;
  std::optional<WallTime> attempt_since;  // when this attempt may begin
  std::string action;                     // for a column
  std::optional<Executor> executor;
  std::optional<OperationPlan> plan;
  std::optional<OperationResult> result;
  void Fields(Visitor& v);
};

using StoreOperation = Resource<StoreOperationSpec, StoreOperationStatus>;
extern const Kind kStoreOperationKind;

// "verify", "restore", …: the member of the union that is set; "" when none is.
std::string ActionName(const ActionSpec& action);
// Whether it can lose writes or replaces what is there: it then wants the store for itself.
bool IsLossy(const ActionSpec& action);

}  // namespace pannier::control
