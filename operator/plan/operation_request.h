// What a daemon is asked for a StoreOperation, and what its answer says. Threads: pure functions.
#pragma once

#include <string>

#include "operator/plan/store_operation_plan.h"

namespace pannier::control {

// The body of PUT operations/{uid}, without epoch.
nlohmann::json RequestOf(const StoreOperation& operation, const OperationObserved& seen,
                         bool dry_run);
// The item of a snapshot that a restore of this target takes; null: it has none, or several that
// could be meant.
const SnapshotItem* ItemFor(const StoreOperation& operation, const StoreSnapshot& source);
// What is going to be done, without asking a daemon.
OperationPlan LocalPlan(const StoreOperation& operation);
// From a restore's plan.
OperationPlan PlanOf(const nlohmann::json& plan);
OperationResult ResultOf(const nlohmann::json& result);

}  // namespace pannier::control
