// Words about StoreSnapshots and StoreOperations that several planners need. Threads: pure
// functions.
#pragma once

#include <string>
#include <vector>

#include "operator/resource/store_operation.h"
#include "operator/resource/store_snapshot.h"

namespace pannier::control {

inline constexpr const char* kQueued = "Queued";
inline constexpr const char* kRunning = "Running";
inline constexpr const char* kCommitting = "Committing";
inline constexpr const char* kVerifying = "Verifying";
inline constexpr const char* kCompleted = "Completed";
inline constexpr const char* kPartiallyFailed = "PartiallyFailed";
inline constexpr const char* kFailed = "Failed";
inline constexpr const char* kTimedOut = "TimedOut";
inline constexpr const char* kRejected = "Rejected";

// Whether Succeeded is True or False: it is at its end, and its status is never written again.
bool IsTerminal(const Conditions& conditions);
// Completed, and every store of it was found sound.
bool IsSound(const StoreSnapshot& snapshot);
// Whether an operation that is not at its end restores from it, or may.
bool IsPinned(const StoreSnapshot& snapshot, const std::vector<StoreOperation>& operations);
// The newest sound snapshot of a VectorStore, which is no piece of another; null: none.
const StoreSnapshot* NewestSound(const std::vector<StoreSnapshot>& snapshots);
// Older first, by creation and uid.
bool IsOlder(const Meta& a, const Meta& b);
// Whether both take (some of) the same stores; no names are all.
bool Overlap(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace pannier::control
