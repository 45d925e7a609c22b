// Verifying a snapshot as part of an operation: phases, metrics, events. Threads: any.
#pragma once

#include "daemon/operations/action_runner.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/services.h"
#include "lib/contract/manifest.h"
#include "lib/repository/repository.h"

namespace pannier::operations {

// How a listing would show it right after its commit.
repository::SnapshotRef RefOf(const contract::Manifest& manifest);

// Of all its chunks, each once.
std::vector<std::string> ChunkKeys(const contract::Manifest& manifest);

// What was found is also recorded beside the manifest.
Result<repository::Verification> VerifySnapshot(Services& services, Context& context,
                                                repository::Repository& repository,
                                                const repository::SnapshotRef& ref,
                                                const contract::Manifest& manifest, bool deep,
                                                const Staging& staging);

}  // namespace pannier::operations
