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
  return runners;
}

}  // namespace pannier::operations
