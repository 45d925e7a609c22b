// `kubectl pannier`: VectorStores, snapshots, restores and reports, over the user's kubeconfig.
// Threads: one.
#pragma once

#include "cli/cluster/arguments.h"
#include "cli/cluster/session.h"
#include "cli/commands.h"

namespace pannier::cluster {

// Does what the arguments say in a session.
//   as the functions of status.h, requests.h and support_bundle.h
Result<cli::Answer> RunIn(const Arguments& arguments, Session& session);

// The same, with a connection by the user's kubeconfig.
//   kNotFound, kInvalidArgument  the kubeconfig is not there, or cannot be used
Result<cli::Answer> Run(const Arguments& arguments, cli::Terminal& terminal);

// What the process ends with when Run() failed.
int ExitCodeOf(const Error& error);

}  // namespace pannier::cluster
