// Snapshots, restores and checks that a person asks for: an object of ours each, which the operator
// carries out. Threads: one.
#pragma once

#include "cli/cluster/arguments.h"
#include "cli/cluster/session.h"
#include "cli/commands.h"

namespace pannier::cluster {

// Creates a StoreSnapshot.
//   kNotFound          no such VectorStore
//   kInvalidArgument   it has no repository, and none is named
//   kDeadlineExceeded  with `wait`: it has not ended in time, and goes on
//   kInternal          with `wait`: how it failed
Result<cli::Answer> TakeSnapshot(const Arguments& arguments, Session& session);

// Creates a suspended StoreOperation, waits for the operator's plan, shows it, asks, and lets the
// operation go. One that is not wanted is deleted again.
//   kNotFound          no such VectorStore
//   kInvalidArgument   nobody can be asked, and `yes` is not given: nothing was created
//   kConflict          the person said no: nothing was changed
//   kDeadlineExceeded  no plan in time (the operation stays suspended), or as TakeSnapshot()
//   kInternal          why it was refused, or how it failed
Result<cli::Answer> Restore(const Arguments& arguments, Session& session);

// Creates a StoreOperation. With `wait` and a store that is damaged the exit code is 3.
//   as TakeSnapshot()
Result<cli::Answer> Verify(const Arguments& arguments, Session& session);

}  // namespace pannier::cluster
