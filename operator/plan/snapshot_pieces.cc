#include "operator/plan/snapshot_pieces.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "operator/plan/snapshot_items.h"
#include "operator/resource/names.h"
#include "operator/resource/text.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

constexpr size_t kNameMax = 240;
constexpr int64_t kTimeoutMin = 60;
constexpr size_t kNumberMax = 1'000;
// A piece of several pods leaves room for stores that are made before it begins.
constexpr size_t kRoomyItems = 80;

const OwnerReference* WholeReference(const Meta& meta) {
  const auto found = std::find_if(meta.owners.begin(), meta.owners.end(), [](const auto& each) {
    return each.kind == kStoreSnapshotKind.name;
  });
  return found == meta.owners.end() ? nullptr : &*found;
}

bool Names(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

bool Holds(const StoreSnapshot& piece, const SnapshotItem& item) {
  if (!Names(piece.spec.pod_names, item.pod_name)) return false;
  return IsUnknown(item) || Names(piece.spec.store_names, item.store_name);
}

nlohmann::json NewPiece(const StoreSnapshot& whole, const std::string& name, const PieceOf& part,
                        WallTime now) {
  Meta meta;
  meta.name = name;
  meta.name_space = whole.meta.name_space;
  meta.finalizers = {kSnapshotFinalizer};
  meta.owners = {
      {kApiVersion, kStoreSnapshotKind.name, whole.meta.name, whole.meta.uid, /*controller=*/true}};
  StoreSnapshotSpec spec = whole.spec;
  spec.pod_names = part.pods;
  spec.store_names = part.stores;
  spec.expire_after_seconds.reset();  // it goes with the whole
  spec.hold = false;
  const WallTime began = whole.status.start.value_or(now);
  const auto left = std::chrono::ceil<seconds>(began + seconds(spec.timeout_seconds) - now);
  spec.timeout_seconds = std::clamp<int64_t>(left.count(), kTimeoutMin, whole.spec.timeout_seconds);
  return NewObject(kStoreSnapshotKind, meta, WriteFields(spec));
}

// "" where somebody else has it already.
std::string FreeName(const StoreSnapshot& whole, size_t number,
                     const std::vector<StoreSnapshot>& siblings) {
  const std::string name = Cut(whole.meta.name, kNameMax) + "-p" + std::to_string(number);
  const bool is_taken = std::any_of(siblings.begin(), siblings.end(),
                                    [&](const auto& each) { return each.meta.name == name; });
  return is_taken ? "" : name;
}

}  // namespace

bool IsPiece(const Meta& snapshot) { return WholeReference(snapshot) != nullptr; }

std::vector<const StoreSnapshot*> PiecesOf(const Meta& whole,
                                           const std::vector<StoreSnapshot>& all) {
  std::vector<const StoreSnapshot*> pieces;
  for (const StoreSnapshot& each : all) {
    const OwnerReference* owner = WholeReference(each.meta);
    if (owner != nullptr && owner->uid == whole.uid) pieces.push_back(&each);
  }
  return pieces;
}

const StoreSnapshot* WholeOf(const Meta& piece, const std::vector<StoreSnapshot>& all) {
  const OwnerReference* owner = WholeReference(piece);
  if (owner == nullptr) return nullptr;
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto& each) { return each.meta.uid == owner->uid; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<PieceOf> Divide(const StoreSnapshotSpec& spec, const std::vector<SnapshotItem>& items) {
  std::map<std::string, std::vector<std::string>> pods;  // the stores of each
  std::vector<PieceOf> pieces;
  for (const SnapshotItem& item : items) {
    if (IsUnknown(item)) {
      pieces.push_back({{item.pod_name}, spec.store_names});
    } else {
      pods[item.pod_name].push_back(item.store_name);
    }
  }
  PieceOf open;
  std::set<std::string> names;
  size_t count = 0;
  const auto close = [&] {
    if (count == 0) return;
    open.stores = {names.begin(), names.end()};
    pieces.push_back(std::exchange(open, {}));
    names.clear();
    count = 0;
  };
  for (const auto& [pod, stores] : pods) {
    if (stores.size() > kRoomyItems) {
      for (size_t at = 0; at < stores.size(); at += kSnapshotItemsMax) {
        const size_t end = std::min(stores.size(), at + kSnapshotItemsMax);
        pieces.push_back({{pod}, {stores.begin() + at, stores.begin() + end}});
      }
      continue;
    }
    if (count + stores.size() > kRoomyItems) close();
    open.pods.push_back(pod);
    names.insert(stores.begin(), stores.end());
    count += stores.size();
  }
  close();
  return pieces;
}

void MakePieces(const StoreSnapshot& whole, const SnapshotObserved& seen,
                const std::vector<SnapshotItem>& items, WallTime now, SnapshotPlan* plan) {
  const std::vector<const StoreSnapshot*> made = PiecesOf(whole.meta, seen.siblings);
  std::vector<SnapshotItem> left;
  for (const SnapshotItem& item : items) {
    const bool is_held =
        std::any_of(made.begin(), made.end(), [&](const auto* each) { return Holds(*each, item); });
    if (!is_held && !IsMissing(item)) left.push_back(item);
  }
  if (left.empty() || made.size() >= kPiecesMax) {
    // Stores that no daemon has are nobody's; they are told of here, as is what found no piece.
    std::copy_if(items.begin(), items.end(), std::back_inserter(plan->status.items), IsMissing);
    for (SnapshotItem& item : left) {
      if (plan->status.items.size() == kSnapshotItemsMax) break;
      item.state = ItemState::kFailed;
      item.message = "made after the snapshot was divided, and too many";
      plan->status.items.push_back(std::move(item));
    }
    plan->status.pieces = static_cast<int64_t>(made.size());
    return plan->LookAt(now);
  }
  plan->LookAt(now + seconds(1));
  size_t number = made.size();
  for (const PieceOf& part : Divide(whole.spec, left)) {
    const size_t count = plan->create.size();
    if (count == kPiecesPerPassMax || made.size() + count == kPiecesMax) return;
    std::string name;
    while (name.empty() && number < kNumberMax) name = FreeName(whole, ++number, seen.siblings);
    if (!name.empty()) plan->create.push_back(NewPiece(whole, name, part, now));
  }
}

size_t FollowPieces(const StoreSnapshot& whole, const SnapshotObserved& seen, SnapshotPlan* plan) {
  StoreSnapshotStatus& status = plan->status;
  const std::vector<const StoreSnapshot*> pieces = PiecesOf(whole.meta, seen.siblings);
  SumUp(&status);  // what is nobody's
  size_t unfinished = 0;
  for (const StoreSnapshot* piece : pieces) {
    const bool has_ended = IsTerminal(piece->status.conditions);
    if (!has_ended) ++unfinished;
    ItemCounts counts = piece->status.stores.value_or(ItemCounts());
    // One that was given up before it knew its stores has failed with at least one.
    if (has_ended && counts.total == 0) counts = {1, 0, 1};
    status.stores->total += counts.total;
    status.stores->succeeded += counts.succeeded;
    status.stores->failed += has_ended ? counts.total - counts.succeeded : counts.failed;
    *status.bytes += piece->status.bytes.value_or(0);
    *status.new_bytes += piece->status.new_bytes.value_or(0);
    status.attempt = std::max(*status.attempt, piece->status.attempt.value_or(0));
  }
  const int64_t lost = *status.pieces - static_cast<int64_t>(pieces.size());
  if (lost > 0) {
    status.stores->total += lost;
    status.stores->failed += lost;
  }
  return unfinished;
}

bool AllPiecesSound(const StoreSnapshot& whole, const SnapshotObserved& seen) {
  const std::vector<const StoreSnapshot*> pieces = PiecesOf(whole.meta, seen.siblings);
  return static_cast<int64_t>(pieces.size()) == whole.status.pieces.value_or(0) &&
         std::all_of(pieces.begin(), pieces.end(),
                     [](const StoreSnapshot* each) { return IsSound(*each); });
}

}  // namespace pannier::control
