// A StoreSnapshot of more stores than a status lists (kSnapshotItemsMax) is taken in pieces:
// StoreSnapshots that it makes and owns, each of some of its pods and stores. What they come to is
// what it comes to; they go when it goes. Threads: pure functions.
#pragma once

#include <vector>

#include "operator/plan/store_snapshot_plan.h"

namespace pannier::control {

inline constexpr size_t kPiecesMax = 100;
inline constexpr size_t kPiecesPerPassMax = 10;

bool IsPiece(const Meta& snapshot);
// Of those in `all`; a piece that is being deleted counts.
std::vector<const StoreSnapshot*> PiecesOf(const Meta& whole,
                                           const std::vector<StoreSnapshot>& all);
// Whose piece it is; null where it is none, or that is gone.
const StoreSnapshot* WholeOf(const Meta& piece, const std::vector<StoreSnapshot>& all);

// Pods and stores of the pieces that hold these items, at most kSnapshotItemsMax each. No item is
// in two. An item of a daemon that does not answer stands for all of that pod.
struct PieceOf {
  std::vector<std::string> pods, stores;
};
std::vector<PieceOf> Divide(const StoreSnapshotSpec& spec, const std::vector<SnapshotItem>& items);

// The next steps of one that is divided: makes the pieces that lack, then follows them.
// `items`: as of ItemsToTake(), while pieces are still made.
void MakePieces(const StoreSnapshot& whole, const SnapshotObserved& seen,
                const std::vector<SnapshotItem>& items, WallTime now, SnapshotPlan* plan);
// Sums up what the pieces have come to; returns how many are not at their end.
size_t FollowPieces(const StoreSnapshot& whole, const SnapshotObserved& seen, SnapshotPlan* plan);
// Whether every piece is there and sound.
bool AllPiecesSound(const StoreSnapshot& whole, const SnapshotObserved& seen);

}  // namespace pannier::control
