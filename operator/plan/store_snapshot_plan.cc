#include "operator/plan/store_snapshot_plan.h"

#include <algorithm>

#include "operator/plan/snapshot_items.h"
#include "operator/plan/snapshot_pieces.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

constexpr seconds kWait{30};
constexpr seconds kHour{3600};
constexpr seconds kYoung{15};
// How long an unreachable daemon is waited for before the others begin without it.
constexpr seconds kMusterMax{120};
constexpr seconds kPieceGrace{180};

class Planner {
 public:
  Planner(const StoreSnapshot& snapshot, const SnapshotObserved& seen, WallTime now)
      : snapshot_(snapshot), seen_(seen), now_(now) {
    plan_.status = snapshot.status;
  }

  SnapshotPlan Run() {
    if (IsTerminal(snapshot_.status.conditions)) {
      Expire();
      return std::move(plan_);
    }
    if (!plan_.status.start) plan_.status.start = now_;
    plan_.add_finalizer = !snapshot_.meta.HasFinalizer(kSnapshotFinalizer);
    if (plan_.status.pieces) {
      ContinuePieces();
    } else if (now_ >= Deadline()) {
      GiveUp();
    } else if (!plan_.status.items.empty()) {
      Continue();
    } else {
      Begin();
    }
    if (!IsTerminal(plan_.status.conditions) && now_ < Deadline()) plan_.LookAt(Deadline());
    return std::move(plan_);
  }

 private:
  WallTime Deadline() const {
    return *plan_.status.start + seconds(snapshot_.spec.timeout_seconds);
  }

  void Say(const char* type, Truth truth, const char* reason, const std::string& message) {
    Set(&plan_.status.conditions, {type, truth, reason, message, snapshot_.meta.generation}, now_);
  }

  // --- terminal ---

  void Expire() {
    const auto& at = plan_.status.expiration;
    if (!at || snapshot_.spec.hold) return;
    if (now_ < *at) return plan_.LookAt(*at);
    std::vector<StoreSnapshot> all = seen_.siblings;
    all.push_back(snapshot_);
    const StoreSnapshot* newest = NewestSound(all);
    const bool is_last = newest != nullptr && newest->meta.uid == snapshot_.meta.uid;
    if (is_last || IsPinned(snapshot_, seen_.operations)) return plan_.LookAt(now_ + kHour);
    plan_.remove.push_back({kStoreSnapshotKind.plural, snapshot_.meta.name, snapshot_.meta.uid,
                            snapshot_.meta.resource_version, "expired"});
    plan_.Tell("Expired", "deleted, as expireAfterSeconds says");
  }

  void End(Truth truth, const char* reason, const std::string& message) {
    StoreSnapshotStatus& status = plan_.status;
    Say("Succeeded", truth, reason, message);
    const bool is_divided = status.pieces.has_value();
    const bool sound = truth == Truth::kTrue &&
                       (is_divided ? AllPiecesSound(snapshot_, seen_) : AllVerified(status.items));
    const bool is_taken = is_divided || !status.items.empty();
    const char* word = sound ? "Sound" : is_taken ? "NotProved" : "NotTaken";
    Say("Verified", sound ? Truth::kTrue : Truth::kFalse, word, "");
    status.completion = now_;
    if (snapshot_.spec.expire_after_seconds) {
      status.expiration = now_ + seconds(*snapshot_.spec.expire_after_seconds);
      plan_.LookAt(*status.expiration);
    }
    plan_.start.clear();
    plan_.grants.clear();
    plan_.TellEnd(truth, reason, message);
  }

  void Reject(const char* why, const std::string& message) {
    Say("Accepted", Truth::kFalse, why, message);
    End(Truth::kFalse, kRejected, message);
  }

  void GiveUp() {
    FollowItems(snapshot_, seen_, now_, &plan_);
    plan_.start.clear();
    for (SnapshotItem& item : plan_.status.items) {
      if (item.state == ItemState::kSucceeded || item.state == ItemState::kFailed) continue;
      CancelItem(snapshot_.meta, item, &plan_);
      item.state = ItemState::kFailed;
      if (item.message.empty()) item.message = "not done in time";
    }
    SumUp(&plan_.status);
    const Condition* accepted = Find(plan_.status.conditions, "Accepted");
    const bool waited = accepted != nullptr && accepted->status != Truth::kTrue;
    if (!plan_.status.items.empty() && FailedOf(plan_.status.items) == 0) return Finish();
    End(Truth::kFalse, kTimedOut,
        "not at its end within " + std::to_string(snapshot_.spec.timeout_seconds) + " s" +
            (waited ? ": " + accepted->message : ""));
  }

  // --- Queued ---

  void Wait(const char* why, const std::string& message) {
    Say("Accepted", Truth::kUnknown, why, message);
    Queue(message);
  }
  void Queue(const std::string& message) {
    Say("Succeeded", Truth::kUnknown, kQueued, message);
    Say("Verified", Truth::kUnknown, kQueued, "");
    plan_.LookAt(now_ + kWait);
  }

  // Whether VectorStore and repository are as they must be; says what is missing.
  bool IsAcceptable() {
    if (!seen_.vector_store) {
      Wait("VectorStoreNotFound", "there is no VectorStore " + snapshot_.spec.vector_store.name);
      return false;
    }
    const std::string name = RepositoryNameOf(snapshot_, &*seen_.vector_store);
    if (name.empty()) {
      Reject("NoRepository", "neither the snapshot nor its VectorStore names a repository");
      return false;
    }
    if (!seen_.repository) {
      Wait("RepositoryNotFound", "there is no SnapshotRepository " + name);
      return false;
    }
    if (seen_.repository->spec.access == AccessMode::kReadOnly) {
      Reject("RepositoryReadOnly", "SnapshotRepository " + name + " is ReadOnly");
      return false;
    }
    if (seen_.vector_store->spec.suspend) {
      Wait("VectorStoreSuspended", "the VectorStore is suspended");
      return false;
    }
    if (!IsTrue(seen_.repository->status.conditions, "Ready")) {
      Wait("RepositoryNotReady", "SnapshotRepository " + name + " is not ready: " +
                                     ReasonOf(seen_.repository->status.conditions, "Ready"));
      return false;
    }
    return true;
  }

  // Whose turn a snapshot takes: a piece that of the whole.
  const Meta& TurnOf(const StoreSnapshot& snapshot) const {
    const StoreSnapshot* whole = WholeOf(snapshot.meta, seen_.siblings);
    return whole == nullptr ? snapshot.meta : whole->meta;
  }

  // Who must end first; null: nobody. The oldest goes first, and who has begun is not stopped.
  std::string Before() const {
    const Meta& turn = TurnOf(snapshot_);
    for (const StoreSnapshot& other : seen_.siblings) {
      const Meta& others_turn = TurnOf(other);
      const bool is_same = others_turn.uid == turn.uid || others_turn.uid == snapshot_.meta.uid;
      if (is_same || IsTerminal(other.status.conditions) ||
          !Overlap(snapshot_.spec.store_names, other.spec.store_names) ||
          !Overlap(snapshot_.spec.pod_names, other.spec.pod_names)) {
        continue;
      }
      const bool begun = !other.status.items.empty() || other.status.pieces.has_value();
      if (begun || (IsOlder(others_turn, turn) && !other.meta.IsDeleting())) {
        return "StoreSnapshot " + other.meta.name;
      }
    }
    for (const StoreOperation& other : seen_.operations) {
      if (!IsTerminal(other.status.conditions) && IsTrue(other.status.conditions, "Fenced") &&
          Overlap(snapshot_.spec.store_names, {other.spec.target.store_name})) {
        return "StoreOperation " + other.meta.name;
      }
    }
    return "";
  }

  void Begin() {
    if (!IsAcceptable()) return;
    Say("Accepted", Truth::kTrue, "Accepted", "");
    const std::string before = Before();
    if (!before.empty()) return Queue("waits for " + before);
    if (seen_.transfers == 0) {
      return Queue("waits for its turn: SnapshotRepository " + seen_.repository->meta.name +
                   " has as many transfers as maxConcurrentTransfers says");
    }
    std::string absent;
    for (const DaemonView& daemon : seen_.daemons) {
      if (daemon.reachable || !IsOfPod(snapshot_.spec, daemon.pod_name)) continue;
      absent += (absent.empty() ? "" : ", ") + daemon.pod_name;
    }
    const seconds muster = std::min(kMusterMax, seconds(snapshot_.spec.timeout_seconds / 4));
    if (!absent.empty() && now_ < *plan_.status.start + muster) {
      plan_.LookAt(*plan_.status.start + muster);
      return Queue("waits for the daemons of " + absent);
    }
    std::vector<SnapshotItem> items = ItemsToTake(snapshot_.spec, seen_.daemons);
    if (items.empty()) return Reject("NothingToTake", NothingMessage());
    if (items.size() > kSnapshotItemsMax) {
      if (!MayDivide(items)) return;
      plan_.status.pieces = 0;
    } else {
      plan_.status.items = std::move(items);
      BeginItems(seen_, &plan_.status.items);
    }
    plan_.status.repository_name = seen_.repository->meta.name;
    plan_.status.repository_id = seen_.repository->status.repository_id;
    SumUp(&plan_.status);
    SayProgress(kRunning);
    plan_.LookAt(now_);  // only what is written down is begun
  }

  void SayProgress(const char* state) {
    const ItemCounts& counts = *plan_.status.stores;
    Say("Succeeded", Truth::kUnknown, state,
        std::to_string(counts.succeeded) + " of " + std::to_string(counts.total) + " stores");
    Say("Verified", Truth::kUnknown, state, "");
  }

  bool MayDivide(const std::vector<SnapshotItem>& items) {
    if (IsPiece(snapshot_.meta)) {
      Reject("TooManyStores", "more than 100 stores: some were made since it was divided");
      return false;
    }
    if (Divide(snapshot_.spec, items).size() <= kPiecesMax) return true;
    Reject("TooManyStores", "more than 100 pieces of at most 100 stores; name some in podNames");
    return false;
  }

  // --- in pieces ---

  void ContinuePieces() {
    if (*plan_.status.pieces == 0) return DividePieces();
    const size_t unfinished = FollowPieces(snapshot_, seen_, &plan_);
    const auto all = static_cast<size_t>(*plan_.status.pieces);
    if (unfinished == 0) return Finish();
    // Pieces end in time by themselves.
    if (now_ >= Deadline() + kPieceGrace) {
      return End(Truth::kFalse, kTimedOut, std::to_string(unfinished) + " pieces did not end");
    }
    Say("Succeeded", Truth::kUnknown, kRunning,
        std::to_string(all - std::min(all, unfinished)) + " of " + std::to_string(all) + " pieces");
    Say("Verified", Truth::kUnknown, kRunning, "");
    plan_.LookAt(now_ + kWait);  // the end of each is a change that brings us here
  }

  void DividePieces() {
    if (!seen_.vector_store) return End(Truth::kFalse, kFailed, "the VectorStore was deleted");
    if (now_ >= Deadline()) return End(Truth::kFalse, kTimedOut, "not all pieces could be made");
    const std::vector<SnapshotItem> items = ItemsToTake(snapshot_.spec, seen_.daemons);
    if (items.empty()) return Reject("NothingToTake", NothingMessage());
    MakePieces(snapshot_, seen_, items, now_, &plan_);
  }

  std::string NothingMessage() const {
    return seen_.daemons.empty() ? "no pod of the VectorStore has a daemon"
                                 : "no daemon has a store that is asked for";
  }

  // --- Running and on ---

  void Continue() {
    if (!seen_.vector_store) return GiveUpOn("the VectorStore was deleted");
    if (!seen_.repository) return GiveUpOn("the SnapshotRepository was deleted");
    if (seen_.repository->status.repository_id != plan_.status.repository_id) {
      return GiveUpOn("the repository is not the one that it was");
    }
    FollowItems(snapshot_, seen_, now_, &plan_);
    SumUp(&plan_.status);
    if (UnfinishedOf(plan_.status.items) == 0) return Finish();
    // Of what is soon over nobody reads the phases, and each is a write.
    SayProgress(now_ - *plan_.status.start < kYoung ? kRunning : PhaseOf(snapshot_, seen_));
    // Who waits for its turn is woken.
    const bool waits = RunningOf(plan_.status.items) == 0;
    plan_.LookAt(now_ + (waits ? kWait : PollSince(plan_.status.start, now_)));
  }

  void GiveUpOn(const std::string& why) {
    for (SnapshotItem& item : plan_.status.items) {
      if (item.state == ItemState::kSucceeded || item.state == ItemState::kFailed) continue;
      CancelItem(snapshot_.meta, item, &plan_);
      item.state = ItemState::kFailed;
      item.message = why;
    }
    SumUp(&plan_.status);
    Finish();
  }

  void Finish() {
    const int64_t failed = plan_.status.stores->failed, total = plan_.status.stores->total;
    if (failed == 0) {
      return End(Truth::kTrue, kCompleted, std::to_string(total) + " stores");
    }
    std::string message =
        std::to_string(failed) + " of " + std::to_string(total) + " stores failed";
    if (!plan_.status.items.empty()) message += ": " + plan_.status.items.front().message;
    if (plan_.status.pieces) message += "; its pieces tell of each";
    End(Truth::kFalse, failed == total ? kFailed : kPartiallyFailed, message);
  }

  const StoreSnapshot& snapshot_;
  const SnapshotObserved& seen_;
  const WallTime now_;
  SnapshotPlan plan_;
};

}  // namespace

std::string RepositoryNameOf(const StoreSnapshot& snapshot, const VectorStore* store) {
  if (!snapshot.status.repository_name.empty()) return snapshot.status.repository_name;
  if (snapshot.spec.repository) return snapshot.spec.repository->name;
  if (store != nullptr && store->spec.repository_ref) return store->spec.repository_ref->name;
  return "";
}

SnapshotPlan PlanSnapshot(const StoreSnapshot& snapshot, const SnapshotObserved& seen,
                          WallTime now) {
  return Planner(snapshot, seen, now).Run();
}

}  // namespace pannier::control
