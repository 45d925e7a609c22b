#include "operator/plan/snapshot_states.h"

#include <algorithm>
#include <tuple>

#include "operator/plan/snapshot_pieces.h"

namespace pannier::control {

bool IsTerminal(const Conditions& conditions) {
  return IsTrue(conditions, "Succeeded") || IsFalse(conditions, "Succeeded");
}

bool IsSound(const StoreSnapshot& snapshot) {
  return IsTrue(snapshot.status.conditions, "Succeeded") &&
         IsTrue(snapshot.status.conditions, "Verified");
}

bool IsPinned(const StoreSnapshot& snapshot, const std::vector<StoreOperation>& operations) {
  // Nobody restores from one that is not at its end; a restore may even wait for that.
  if (!IsTerminal(snapshot.status.conditions)) return false;
  return std::any_of(operations.begin(), operations.end(), [&](const StoreOperation& each) {
    const auto& restore = each.spec.action.restore;
    const bool reads = restore || each.spec.action.salvage;
    if (!reads || IsTerminal(each.status.conditions)) return false;
    if (restore && restore->snapshot) {
      const auto& owners = snapshot.meta.owners;  // of a piece: the whole
      return restore->snapshot->name == snapshot.meta.name ||
             std::any_of(owners.begin(), owners.end(), [&](const OwnerReference& owner) {
               return owner.kind == kStoreSnapshotKind.name &&
                      owner.name == restore->snapshot->name;
             });
    }
    // Which one the latest is, whose manifest it is, what fills gaps: is found out as it runs.
    return each.spec.vector_store.name == snapshot.spec.vector_store.name;
  });
}

const StoreSnapshot* NewestSound(const std::vector<StoreSnapshot>& snapshots) {
  const StoreSnapshot* newest = nullptr;
  for (const StoreSnapshot& each : snapshots) {
    if (!IsSound(each) || each.meta.IsDeleting() || IsPiece(each.meta)) continue;
    if (newest == nullptr || IsOlder(newest->meta, each.meta)) newest = &each;
  }
  return newest;
}

bool IsOlder(const Meta& a, const Meta& b) {
  return std::tie(a.created, a.uid) < std::tie(b.created, b.uid);
}

bool Overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.empty() || b.empty()) return true;
  return std::any_of(a.begin(), a.end(), [&](const std::string& each) {
    return std::find(b.begin(), b.end(), each) != b.end();
  });
}

}  // namespace pannier::control
