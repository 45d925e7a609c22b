// One maker per action; docs/admin-api.md says what each takes and answers. Threads: any. Lifetime:
// `services` outlives what is made.
#pragma once

#include <memory>

#include "daemon/operations/executor.h"
#include "daemon/operations/services.h"

namespace pannier::operations {

std::unique_ptr<ActionRunner> MakeSnapshotAction(Services& services);
std::unique_ptr<ActionRunner> MakeSnapshotVerifyAction(Services& services);
std::unique_ptr<ActionRunner> MakeSnapshotHoldAction(Services& services);
std::unique_ptr<ActionRunner> MakeSnapshotDeleteAction(Services& services);
std::unique_ptr<ActionRunner> MakeRestoreAction(Services& services);
std::unique_ptr<ActionRunner> MakeRepositoryInitAction(Services& services);
std::unique_ptr<ActionRunner> MakeRepositoryCheckAction(Services& services);
std::unique_ptr<ActionRunner> MakeRepositoryGcAction(Services& services);
std::unique_ptr<ActionRunner> MakeVerifyAction(Services& services);
std::unique_ptr<ActionRunner> MakeRebuildIndexAction(Services& services);
std::unique_ptr<ActionRunner> MakeCompactAction(Services& services);
std::unique_ptr<ActionRunner> MakeForkAction(Services& services);
std::unique_ptr<ActionRunner> MakeMergeAction(Services& services);
std::unique_ptr<ActionRunner> MakeSalvageAction(Services& services);
std::unique_ptr<ActionRunner> MakeQuarantineAction(Services& services);
std::unique_ptr<ActionRunner> MakeExportAction(Services& services);
std::unique_ptr<ActionRunner> MakeImportAction(Services& services);
std::unique_ptr<ActionRunner> MakeSweepAction(Services& services);

// All of them.
Runners MakeRunners(Services& services);

}  // namespace pannier::operations
