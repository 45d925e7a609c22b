// Which struct belongs to which of our kinds. Threads: constants.
#pragma once

#include "operator/kube/pannier_kinds.h"
#include "operator/resource/snapshot_repository.h"
#include "operator/resource/store_cleanup_policy.h"
#include "operator/resource/store_operation.h"
#include "operator/resource/store_snapshot_schedule.h"
#include "operator/resource/vector_store.h"

namespace pannier::control {

using kube::kOperations;
using kube::kOurKinds;
using kube::kPolicies;
using kube::kRepositories;
using kube::kSchedules;
using kube::kSnapshots;
using kube::kVectorStores;

template <typename R>
constexpr kube::Resource ResourceFor() {
  if constexpr (std::is_same_v<R, VectorStore>) return kVectorStores;
  if constexpr (std::is_same_v<R, SnapshotRepository>) return kRepositories;
  if constexpr (std::is_same_v<R, StoreSnapshot>) return kSnapshots;
  if constexpr (std::is_same_v<R, StoreSnapshotSchedule>) return kSchedules;
  if constexpr (std::is_same_v<R, StoreOperation>) return kOperations;
  if constexpr (std::is_same_v<R, StoreCleanupPolicy>) return kPolicies;
}

}  // namespace pannier::control
