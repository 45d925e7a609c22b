#include "operator/plan/store_operation_plan.h"

#include <algorithm>

#include "operator/plan/grants.h"
#include "operator/plan/operation_request.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

constexpr seconds kWait{30};
constexpr seconds kHour{3600};
constexpr seconds kCancelGrace{60};
constexpr int64_t kDryRun = 0;

class Planner {
 public:
  Planner(const StoreOperation& operation, const OperationObserved& seen, WallTime now)
      : operation_(operation), spec_(operation.spec), seen_(seen), now_(now) {
    plan_.status = operation.status;
  }

  OperationPlanning Run() {
    StoreOperationStatus& status = plan_.status;
    if (IsTerminal(status.conditions)) {
      Forget();
      return std::move(plan_);
    }
    status.action = ActionName(spec_.action);
    Steps();
    if (!IsTerminal(status.conditions)) plan_.LookAt(now_ + kHour);
    return std::move(plan_);
  }

 private:
  void Say(const char* type, Truth truth, const std::string& reason, const std::string& message) {
    Set(&plan_.status.conditions, {type, truth, reason, message, operation_.meta.generation}, now_);
  }
  seconds Poll() const { return PollSince(plan_.status.start, now_); }
  void Be(const char* state, const std::string& message, seconds look_after) {
    Say("Succeeded", Truth::kUnknown, state, message);
    plan_.LookAt(now_ + look_after);
  }

  // --- the end ---

  void Forget() {
    const WallTime ended = plan_.status.completion.value_or(now_);
    const WallTime due = ended + seconds(spec_.ttl_seconds_after_finished);
    if (now_ < due) return plan_.LookAt(due);
    plan_.remove.push_back({kStoreOperationKind.plural, operation_.meta.name, operation_.meta.uid,
                            operation_.meta.resource_version, "ttlSecondsAfterFinished"});
  }

  void End(Truth truth, const char* reason, const std::string& message) {
    Say("Succeeded", truth, reason, message);
    if (Find(plan_.status.conditions, "Fenced") != nullptr) {
      Say("Fenced", Truth::kFalse, "Released", "");
    }
    plan_.status.completion = now_;
    plan_.start.clear();
    plan_.LookAt(now_ + seconds(spec_.ttl_seconds_after_finished));
    plan_.TellEnd(truth, reason, message);
  }

  // A precondition that does not hold is not waited for: a person has to look.
  bool Reject(const char* why, const std::string& message) {
    Say("Accepted", Truth::kFalse, why, message);
    End(Truth::kFalse, kRejected, message);
    return false;
  }

  // --- what must hold ---

  // Of one that has begun the daemon may be back in a moment: nothing tells us of that.
  bool Wait(const char* why, const std::string& message) {
    Say("Accepted", Truth::kUnknown, why, message);
    const bool begun = plan_.status.start.has_value();
    Be(begun ? "Executing" : "Planned", message, begun ? Poll() : kWait);
    return false;
  }

  // Whether VectorStore, daemon, store and source are there. daemon_ is set.
  bool IsAcceptable() {
    if (!seen_.vector_store) {
      return Reject("VectorStoreNotFound", "there is no VectorStore " + spec_.vector_store.name);
    }
    if (seen_.vector_store->spec.suspend) {
      return Wait("VectorStoreSuspended", "the VectorStore is suspended");
    }
    if (!seen_.pods_known) return Wait("PodsNotKnown", "the pods are not known yet");
    if (!ChooseDaemon()) return false;
    return IsStoreThere() && IsSourceThere();
  }

  bool ChooseDaemon() {
    const std::string& name = spec_.target.pod_name;
    for (const DaemonView& each : seen_.daemons) {
      if (!name.empty() && each.pod_name == name) daemon_ = &each;
      if (!name.empty() || !each.reachable) continue;
      // Any pod will do; the one that it was begun in goes on.
      const bool begun = plan_.status.executor && plan_.status.executor->pod_uid == each.pod_uid;
      if (daemon_ == nullptr || begun) daemon_ = &each;
    }
    if (daemon_ == nullptr && !name.empty()) {
      return Reject("PodNotFound", "VectorStore " + spec_.vector_store.name +
                                       " has no pod with a daemon named " + name);
    }
    if (daemon_ == nullptr || !daemon_->reachable) {
      return Wait("DaemonUnreachable",
                  daemon_ == nullptr ? "no daemon answers" : WhyUnreachable(*daemon_));
    }
    return true;
  }

  bool IsStoreThere() {
    if (spec_.action.restore) return true;  // also of a store that is lost
    // Once begun, the store may be where the operation puts it.
    if (plan_.status.attempt.value_or(0) > 0) return true;
    if (daemon_->Store(spec_.target.store_name) == nullptr) {
      return Reject("StoreNotFound",
                    daemon_->pod_name + " has no store " + spec_.target.store_name);
    }
    if (spec_.action.merge && daemon_->Store(spec_.action.merge->from_store_name) == nullptr) {
      return Reject("StoreNotFound",
                    daemon_->pod_name + " has no store " + spec_.action.merge->from_store_name);
    }
    return true;
  }

  bool IsSourceThere() {
    if (!spec_.action.restore) return true;
    const RestoreAction& restore = *spec_.action.restore;
    if (restore.snapshot) {
      const std::string& name = restore.snapshot->name;
      if (!seen_.source) return Reject("SnapshotNotFound", "there is no StoreSnapshot " + name);
      if (!IsSound(*seen_.source)) {
        return Reject("SnapshotNotSound",
                      "StoreSnapshot " + name + " is not completed and verified");
      }
      if (SourceItem(operation_, seen_) == nullptr) {
        return Reject("StoreNotInSnapshot", "StoreSnapshot " + name + " has no store " +
                                                spec_.target.store_name +
                                                ", or several: name the pod");
      }
    }
    const std::string repository =
        RepositoryNameOf(operation_, &*seen_.vector_store, seen_.source ? &*seen_.source : nullptr);
    if (repository.empty()) return Reject("NoRepository", "nothing names a repository");
    if (!seen_.repository) {
      return Reject("RepositoryNotFound", "there is no SnapshotRepository " + repository);
    }
    if (restore.snapshot &&
        seen_.source->status.repository_id != seen_.repository->status.repository_id) {
      return Reject("RepositoryChanged", "the repository is not the one that the snapshot is in");
    }
    if (seen_.repository->status.repository_id.empty()) {
      return Wait("RepositoryNotReady", "the repository was not reached yet");
    }
    if (seen_.repository->spec.s3 && ManifestsFor(operation_, seen_).empty()) {
      return Reject("SnapshotNotFound",
                    "no completed and verified StoreSnapshot has " + spec_.target.store_name);
    }
    if (IsFalse(seen_.repository->status.conditions, "Ready") &&
        ReasonOf(seen_.repository->status.conditions, "Ready") == "IdentityMismatch") {
      return Wait("RepositoryNotReady", "the repository is not the one that it was");
    }
    return true;
  }

  // --- the way ---

  void Steps() {
    const bool begun = plan_.status.start.has_value();
    const WallTime deadline =
        plan_.status.start.value_or(FirstLook()) + seconds(spec_.timeout_seconds);
    const bool waits_for_person = !begun && spec_.suspend && plan_.status.plan;
    if (now_ >= deadline && !waits_for_person && !MayResume(begun)) return TimeOut(deadline);
    if (!waits_for_person) plan_.LookAt(deadline);
    if (!IsAcceptable()) return;
    Say("Accepted", Truth::kTrue, "Accepted", "");
    if (!plan_.status.plan && !MakePlan()) return;
    if (spec_.dry_run) return End(Truth::kTrue, kCompleted, "dry run: the plan is shown");
    if (spec_.suspend && !begun)
      return Be("Suspended", "waits for spec.suspend to be false", kHour);
    if (!begun && !Fence()) return;
    Execute();
  }

  // One that was made while no operator ran is not late when one is back.
  WallTime FirstLook() const {
    const Condition* state = Find(operation_.status.conditions, "Succeeded");
    return state != nullptr ? state->last_transition.value_or(now_) : now_;
  }

  // One that a person let go after a long time is not late: its time begins when its work does.
  bool MayResume(bool begun) const {
    const std::string state = ReasonOf(operation_.status.conditions, "Succeeded");
    return !begun && plan_.status.plan && (state == "Suspended" || state == "Fencing");
  }

  // Whether there is a plan now. It is written down before anything is done.
  bool MakePlan() {
    if (!spec_.action.restore) {
      plan_.status.plan = LocalPlan(operation_);
      Be("Planned", "", seconds(0));
      return spec_.dry_run;
    }
    const Uuid uid = OperationAttemptUid(operation_.meta, kDryRun);
    const OperationView* dry_run = daemon_->Operation(uid);
    if (dry_run == nullptr) {
      plan_.start.push_back({daemon_->pod_uid, uid, RequestOf(operation_, seen_, true)});
      Be("Planned", "asks the daemon for a plan", Poll());
      return false;
    }
    if (!dry_run->HasEnded()) {
      Grant(uid, *dry_run);
      Be("Planned", "waits for the daemon's plan", Poll());
      return false;
    }
    if (dry_run->state != OperationState::kSucceeded) {
      return Reject("NoPlan", "the daemon could not plan it: " + dry_run->message);
    }
    plan_.status.plan = PlanOf(dry_run->plan.is_null() ? dry_run->result : dry_run->plan);
    Be("Planned", "", seconds(0));
    return spec_.dry_run;
  }

  // Who must end first: a lossy operation wants the store for itself.
  std::string Before() const {
    for (const StoreSnapshot& other : seen_.snapshots) {
      if (!IsTerminal(other.status.conditions) && !other.status.items.empty() &&
          Overlap(other.spec.store_names, {spec_.target.store_name})) {
        return "StoreSnapshot " + other.meta.name;
      }
    }
    for (const StoreOperation& other : seen_.operations) {
      if (IsTerminal(other.status.conditions) || !IsLossy(other.spec.action) ||
          other.spec.target.store_name != spec_.target.store_name ||
          other.spec.target.pod_name != spec_.target.pod_name) {
        continue;
      }
      const bool waits = other.spec.suspend && !other.status.start;
      if (IsTrue(other.status.conditions, "Fenced") ||
          (!waits && !other.meta.IsDeleting() && IsOlder(other.meta, operation_.meta))) {
        return "StoreOperation " + other.meta.name;
      }
    }
    return "";
  }

  // Whether the work may begin; that it may is written down before it does.
  bool Fence() {
    const std::string before = IsLossy(spec_.action) ? Before() : "";
    if (!before.empty()) {
      Say("Fenced", Truth::kFalse, "Waiting", "waits for " + before);
      Be("Fencing", "waits for " + before, kWait);
      return false;
    }
    if (IsLossy(spec_.action)) Say("Fenced", Truth::kTrue, "Exclusive", "");
    plan_.status.start = now_;
    plan_.status.attempt = 1;
    plan_.status.executor = Executor{daemon_->pod_name, daemon_->pod_uid, daemon_->session_id};
    Be("Fencing", "", seconds(0));
    plan_.Tell("Started", ActionName(spec_.action) + " of " + spec_.target.store_name);
    return false;
  }

  void Execute() {
    const int64_t attempt = plan_.status.attempt.value_or(1);
    plan_.status.executor = Executor{daemon_->pod_name, daemon_->pod_uid, daemon_->session_id};
    const Uuid uid = OperationAttemptUid(operation_.meta, attempt);
    const OperationView* running = daemon_->Operation(uid);
    if (running == nullptr) {
      // A daemon finishes by itself what a crash of it cut short, so the same uid is asked for.
      if (plan_.status.attempt_since && !IsPauseOver(*plan_.status.attempt_since, now_)) {
        return Be("Executing", "tries again later",
                  std::chrono::ceil<seconds>(*plan_.status.attempt_since - now_));
      }
      if (!seen_.may_transfer) {
        return Be("Executing", "waits for its turn: maxConcurrentTransfers of the repository",
                  kWait);
      }
      plan_.start.push_back({daemon_->pod_uid, uid, RequestOf(operation_, seen_, false)});
      return Be("Executing", "", Poll());
    }
    if (running->HasEnded()) return Judge(*running, attempt);
    const std::string& phase = running->phase;
    const char* state = phase.starts_with("replac") || phase.starts_with("swap")   ? "Swapping"
                        : phase.starts_with("check") || phase.starts_with("verif") ? "Checking"
                                                                                   : "Executing";
    Be(state, phase, Poll());
    Grant(uid, *running);
  }

  // To read what it restores from, and nothing else.
  void Grant(const Uuid& uid, const OperationView& running) {
    GrantRule rule = RuleFor(operation_, seen_);
    if (rule.named_manifests.empty()) return;
    rule.may_judge = seen_.repository->spec.access == AccessMode::kReadWrite;
    std::optional<DaemonGrant> grant = GrantFor(daemon_->pod_uid, uid, running, rule);
    if (!grant) return;
    plan_.grants.push_back(*std::move(grant));
    plan_.LookAt(now_ + seconds(1));
  }

  void Judge(const OperationView& ended, int64_t attempt) {
    if (ended.state == OperationState::kSucceeded) return Succeed(ended.result);
    if (ended.state == OperationState::kCancelled) {
      return End(Truth::kFalse, kFailed, "it was cancelled");
    }
    if (ended.result.is_object() && ended.result.value("rolledBack", false)) {
      return End(Truth::kFalse, "RolledBack", ended.message);
    }
    if (ended.IsHopeless() || attempt > spec_.backoff_limit) {
      return End(Truth::kFalse, kFailed, ended.message);
    }
    plan_.status.attempt = attempt + 1;
    plan_.status.attempt_since = ended.ended.value_or(now_) + PauseAfter(attempt);
    Be("Executing", "attempt " + std::to_string(attempt) + " failed: " + ended.message, Poll());
  }

  void Succeed(const nlohmann::json& result) {
    plan_.status.result = ResultOf(result);
    if (spec_.action.verify && result.is_object() && !result.value("sound", true)) {
      return End(Truth::kFalse, kFailed, "the store is damaged");
    }
    End(Truth::kTrue, kCompleted, ActionName(spec_.action) + " of " + spec_.target.store_name);
  }

  // What is committed ends as it must, so its end is waited for a while.
  void TimeOut(WallTime deadline) {
    const int64_t attempt = plan_.status.attempt.value_or(0);
    const Uuid uid = OperationAttemptUid(operation_.meta, attempt);
    for (const DaemonView& daemon : seen_.daemons) {
      const bool is_executor =
          plan_.status.executor && daemon.pod_uid == plan_.status.executor->pod_uid;
      if (!is_executor || attempt == 0) continue;
      const OperationView* running = daemon.Operation(uid);
      if (running != nullptr && running->state == OperationState::kSucceeded) {
        return Succeed(running->result);
      }
      const bool has_ended = daemon.reachable && (running == nullptr || running->HasEnded());
      if (!has_ended) plan_.cancel.push_back({daemon.pod_uid, uid});
      if (!has_ended && now_ < deadline + kCancelGrace) {
        return Be("Executing", "not done in time; stopping", Poll());
      }
    }
    const Condition* accepted = Find(plan_.status.conditions, "Accepted");
    const bool waited = accepted != nullptr && accepted->status != Truth::kTrue;
    End(Truth::kFalse, kTimedOut,
        "not done within " + std::to_string(spec_.timeout_seconds) + " s" +
            (waited ? ": " + accepted->message : ""));
  }

  const StoreOperation& operation_;
  const StoreOperationSpec& spec_;
  const OperationObserved& seen_;
  const WallTime now_;
  const DaemonView* daemon_ = nullptr;
  OperationPlanning plan_;
};

}  // namespace

std::string RepositoryNameOf(const StoreOperation& operation, const VectorStore* store,
                             const StoreSnapshot* source) {
  const auto& restore = operation.spec.action.restore;
  if (restore && restore->manifest) return restore->manifest->repository.name;
  if (restore && restore->snapshot && source != nullptr) return source->status.repository_name;
  if (!restore && !operation.spec.action.salvage) return "";
  return store != nullptr && store->spec.repository_ref ? store->spec.repository_ref->name : "";
}

bool ReadsRepository(const ActionSpec& action) { return action.restore || action.salvage; }

Uuid OperationAttemptUid(const Meta& operation, int64_t attempt) {
  return OperationUid({operation.uid, "operation", std::to_string(attempt)});
}

std::vector<Uuid> UidsOf(const StoreOperation& operation) {
  const int64_t attempt = operation.status.attempt.value_or(0);
  return {OperationAttemptUid(operation.meta, kDryRun),
          OperationAttemptUid(operation.meta, attempt)};
}

OperationPlanning PlanOperation(const StoreOperation& operation, const OperationObserved& seen,
                                WallTime now) {
  return Planner(operation, seen, now).Run();
}

}  // namespace pannier::control
