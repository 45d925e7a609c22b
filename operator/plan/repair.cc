#include "operator/plan/repair.h"

#include <algorithm>

#include "lib/core/time_text.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

const StoreOperation* FindOperation(const std::vector<StoreOperation>& operations,
                                    const std::string& name) {
  const auto found = std::find_if(operations.begin(), operations.end(),
                                  [&](const auto& each) { return each.meta.name == name; });
  return found == operations.end() ? nullptr : &*found;
}

nlohmann::json Repair(const VectorStore& store, const UnhealthyStore& unhealthy, int64_t step) {
  StoreOperationSpec spec;
  spec.vector_store.name = store.meta.name;
  spec.target = {unhealthy.pod_name, unhealthy.store_name};
  if (step == 1) {
    spec.action.rebuild_index.emplace();
  } else if (store.spec.repository_ref) {
    spec.action.restore.emplace();
    spec.action.restore->latest.emplace();
  } else {
    spec.action.salvage.emplace();
  }
  spec.suspend = IsLossy(spec.action);
  Meta meta;
  meta.name = RepairName(store, unhealthy, step);
  meta.name_space = store.meta.name_space;
  meta.labels = {{kVectorStoreLabel, store.meta.name}, {kIncidentLabel, store.meta.uid}};
  meta.owners = {{kApiVersion, kVectorStoreKind.name, store.meta.name, store.meta.uid, true}};
  return NewObject(kStoreOperationKind, meta, WriteFields(spec));
}

// Whether a lossy step may go on without a person.
bool MayGo(const VectorStore& store, const StoreOperation& operation) {
  const RecoverySpec& recovery = store.spec.recovery;
  return recovery.mode == RecoveryMode::kAutomatic && operation.spec.suspend &&
         operation.status.plan && operation.status.plan->data_loss_seconds &&
         operation.meta.Label(kIncidentLabel) == store.meta.uid && recovery.max_data_loss_seconds &&
         *operation.status.plan->data_loss_seconds <= *recovery.max_data_loss_seconds;
}

// What was looked at last for this store; begins the next step when the one before is at its end.
void PlanRepair(const VectorStore& store, const VectorStoreObserved& seen,
                UnhealthyStore* unhealthy, VectorStorePlan* plan) {
  const int64_t steps_max = std::max<int64_t>(store.spec.recovery.max_attempts, 1);
  for (int64_t step = 1; step <= steps_max; ++step) {
    const std::string name = RepairName(store, *unhealthy, step);
    const StoreOperation* operation = FindOperation(seen.operations, name);
    if (operation == nullptr) {
      plan->create.push_back(Repair(store, *unhealthy, step));
      plan->Warn("Repairing", unhealthy->store_name + " of " + unhealthy->pod_name +
                                  " is corrupt: StoreOperation " + name);
      unhealthy->operation_name = name;
      return;
    }
    unhealthy->operation_name = name;
    if (MayGo(store, *operation) && !IsTerminal(operation->status.conditions)) {
      plan->resume.push_back({kStoreOperationKind.plural, name, operation->meta.uid,
                              operation->meta.resource_version,
                              "loses no more than maxDataLossSeconds"});
    }
    if (!IsTerminal(operation->status.conditions)) return;
  }
}

}  // namespace

std::string RepairName(const VectorStore& store, const UnhealthyStore& unhealthy, int64_t step) {
  return HashedName(store.meta.name,
                    {store.meta.uid, unhealthy.pod_uid, unhealthy.store_name,
                     unhealthy.since ? FormatTime(*unhealthy.since) : "", std::to_string(step)});
}

void PlanRepairs(const VectorStore& store, const VectorStoreObserved& seen, VectorStorePlan* plan) {
  if (store.spec.recovery.mode == RecoveryMode::kManual) return;
  size_t repairs = 0;
  for (UnhealthyStore& unhealthy : plan->status.unhealthy) {
    if (unhealthy.state != StoreState::kCorrupt || repairs == kRepairsPerPassMax) continue;
    const auto& known = store.status.unhealthy;
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const UnhealthyStore& each) {
      return each.pod_uid == unhealthy.pod_uid && each.store_name == unhealthy.store_name &&
             each.state == unhealthy.state && each.since == unhealthy.since;
    });
    const DaemonView* daemon = FindDaemon(seen.daemons, unhealthy.pod_uid);
    if (!is_known || daemon == nullptr || !daemon->reachable) continue;
    ++repairs;
    PlanRepair(store, seen, &unhealthy, plan);
  }
}

}  // namespace pannier::control
