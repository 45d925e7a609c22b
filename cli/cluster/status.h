// Lists of our objects as people or programs want them: status, operations, cleanup report.
// Threads: one.
#pragma once

#include "cli/cluster/arguments.h"
#include "cli/cluster/session.h"
#include "cli/commands.h"

namespace pannier::cluster {

inline constexpr int kDamagedExit = 3;   // a store is damaged
inline constexpr int kNotReadyExit = 4;  // something is not ready

// VectorStores with the stores that are not healthy, repositories, schedules. Exit code
// kDamagedExit when a store is corrupt, else kNotReadyExit when something is not Ready.
Result<cli::Answer> ShowStatus(const Arguments& arguments, Session& session);
// StoreOperations, newest first; of one VectorStore when it is named.
Result<cli::Answer> ShowOperations(const Arguments& arguments, Session& session);
// What each StoreCleanupPolicy, or the one that is named, found and did at its last run.
//   kNotFound  there is no policy of that name
Result<cli::Answer> ShowCleanup(const Arguments& arguments, Session& session);

}  // namespace pannier::cluster
