// Snapshots that a bucket holds, as planners see them. Threads: pure functions.
#pragma once

#include <string>

#include "lib/core/clock.h"
#include "operator/resource/snapshot_repository.h"
#include "operator/resource/store_snapshot.h"

namespace pannier::test {

// 2025-06-15 12:00:30 UTC.
WallTime SomeNoon();
// Of one VectorStore's manifests.
inline constexpr const char* kManifestFolder = "snapshots/11111111-1111-4111-8111-111111111111/";
// Of its snapshot of that number, 0 to 9.
std::string ManifestKey(int number);
// That StoreSnapshot: taken `number` hours after the first, of one store, verified.
control::StoreSnapshot TakenSnapshot(int number, const std::string& pod, const std::string& store);
// The repository that they are in, ready.
control::SnapshotRepository InS3();

}  // namespace pannier::test
