// Repairs of corrupt stores. Threads: pure functions.
#pragma once

#include "operator/plan/vector_store_plan.h"

namespace pannier::control {

// For each corrupt store that the status as it was read knows (so that an incident has one name,
// however often a pass is cut short): the next step that recovery.mode allows. First what loses
// nothing; then, where that did not help, what may lose writes, suspended. In mode Automatic such a
// step is let go once its plan says that no more than maxDataLossSeconds are lost.
void PlanRepairs(const VectorStore& store, const VectorStoreObserved& seen, VectorStorePlan* plan);

}  // namespace pannier::control
