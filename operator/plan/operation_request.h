// What a daemon is asked for a StoreOperation, and what its answer says. Threads: pure functions.
#pragma once

#include <string>

#include "operator/plan/grants.h"
#include "operator/plan/store_operation_plan.h"

namespace pannier::control {

// The body of PUT operations/{uid}, without epoch.
nlohmann::json RequestOf(const StoreOperation& operation, const OperationObserved& seen,
                         bool dry_run);
// The item of a snapshot that a restore of this target takes; null: it has none, or several that
// could be meant.
const SnapshotItem* ItemFor(const StoreOperation& operation, const StoreSnapshot& source);
// As ItemFor, of the snapshot that a restore names, or one of its pieces.
const SnapshotItem* SourceItem(const StoreOperation& operation, const OperationObserved& seen);
// What a restore or a salvage reads, in S3: manifests of snapshots that were found sound, of which
// the first is the one that a restore takes; it is empty when there is none.
std::vector<std::string> ManifestsFor(const StoreOperation& operation,
                                      const OperationObserved& seen);
// What it may read of a repository in S3 while it runs: these, and those that it may have been
// told.
GrantRule RuleFor(const StoreOperation& operation, const OperationObserved& seen);
// What is going to be done, without asking a daemon.
OperationPlan LocalPlan(const StoreOperation& operation);
// From a restore's plan.
OperationPlan PlanOf(const nlohmann::json& plan);
OperationResult ResultOf(const nlohmann::json& result);

}  // namespace pannier::control
