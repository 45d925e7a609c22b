// MakeRunners(): which actions there are.
#include "daemon/operations/actions/actions.h"

namespace pannier::operations {

Runners MakeRunners(Services& services) {
  Runners runners;
  runners[Action::kSnapshot] = MakeSnapshotAction(services);
  runners[Action::kSnapshotVerify] = MakeSnapshotVerifyAction(services);
  runners[Action::kSnapshotHold] = MakeSnapshotHoldAction(services);
  runners[Action::kSnapshotDelete] = MakeSnapshotDeleteAction(services);
  runners[Action::kRestore] = MakeRestoreAction(services);
  runners[Action::kRepositoryInit] = MakeRepositoryInitAction(services);
  runners[Action::kRepositoryCheck] = MakeRepositoryCheckAction(services);
  runners[Action::kRepositoryGc] = MakeRepositoryGcAction(services);
  runners[Action::kVerify] = MakeVerifyAction(services);
  runners[Action::kRebuildIndex] = MakeRebuildIndexAction(services);
  runners[Action::kCompact] = MakeCompactAction(services);
  runners[Action::kFork] = MakeForkAction(services);
  runners[Action::kMerge] = MakeMergeAction(services);
  runners[Action::kSalvage] = MakeSalvageAction(services);
  runners[Action::kExport] = MakeExportAction(services);
  runners[Action::kImport] = MakeImportAction(services);
  runners[Action::kQuarantine] = MakeQuarantineAction(services);
  runners[Action::kSweep] = MakeSweepAction(services);
  return runners;
}

}  // namespace pannier::operations
