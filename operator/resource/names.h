// Names that the operator gives: labels, annotations, finalizers, and names and uids that follow
// from what they stand for, so that a repeated step meets its own work. Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/uuid.h"

namespace pannier::control {

inline constexpr const char* kVectorStoreLabel = "pannier.dev/vectorstore";  // on pods: its name
inline constexpr const char* kScheduleLabel = "pannier.dev/schedule";  // on snapshots: its uid
inline constexpr const char* kIncidentLabel =
    "pannier.dev/incident";  // on operations: a VectorStore's uid
inline constexpr const char* kSlotAnnotation = "pannier.dev/slot";  // on snapshots: when due
inline constexpr const char* kForceFinalize = "pannier.dev/force-finalize";  // annotation
// On a VectorStore, an annotation: an owner in the repository, beside its own name, whose snapshots
// its empty daemons may begin with.
inline constexpr const char* kBootstrapOwner = "pannier.dev/bootstrap-owner";
inline constexpr const char* kUnusedSince = "pannier.dev/unused-since";  // annotation on a PVC
inline constexpr const char* kSnapshotFinalizer = "pannier.dev/snapshot-data";
inline constexpr const char* kFieldManager = "pannier-operator";

// "<base>-<10 hex digits of the parts>"; the base is cut so that it fits into 63 characters.
std::string HashedName(std::string_view base, const std::vector<std::string>& parts);
// The snapshot of a schedule's slot: "<name>-<minutes since 1970>".
std::string SlotName(std::string_view schedule, WallTime slot);
// The uid of a daemon operation: the same for the same parts, different for different ones. Parts
// are the uid of the object it is done for, what it is for, pod uid, store, attempt.
Uuid OperationUid(const std::vector<std::string>& parts);
// 16 hex digits: for a spread by hash.
uint64_t HashOf(std::string_view text);

}  // namespace pannier::control
