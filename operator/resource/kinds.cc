#include "operator/resource/snapshot_repository.h"
#include "operator/resource/store_cleanup_policy.h"
#include "operator/resource/store_operation.h"
#include "operator/resource/store_snapshot_schedule.h"
#include "operator/resource/vector_store.h"

namespace pannier::control {

const std::vector<const Kind*>& Kinds() {
  static const std::vector<const Kind*> kKinds = {&kVectorStoreKind,    &kSnapshotRepositoryKind,
                                                  &kStoreSnapshotKind,  &kStoreSnapshotScheduleKind,
                                                  &kStoreOperationKind, &kStoreCleanupPolicyKind};
  return kKinds;
}

}  // namespace pannier::control
