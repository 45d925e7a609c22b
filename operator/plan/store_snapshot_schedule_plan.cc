#include "operator/plan/store_snapshot_schedule_plan.h"

#include <algorithm>
#include <tuple>

#include "lib/core/time_text.h"
#include "lib/repository/retention.h"
#include "operator/cron/cron.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

constexpr int kMissedMax = 1000;

Result<Cron> CronOf(const StoreSnapshotSchedule& schedule) {
  return Cron::Parse(schedule.spec.schedule, schedule.spec.time_zone, schedule.meta.uid);
}

// The same for every run, so that slots keep their order.
seconds JitterOf(const StoreSnapshotSchedule& schedule) {
  const auto span = static_cast<uint64_t>(schedule.spec.jitter_seconds) + 1;
  return seconds(static_cast<int64_t>(HashOf(schedule.meta.uid + "/jitter") % span));
}

// What has been dealt with: written in the status, and, as that may be lost, on the snapshots.
WallTime LastDealtWith(const StoreSnapshotSchedule& schedule,
                       const std::vector<StoreSnapshot>& ours) {
  WallTime last = schedule.meta.created.value_or(WallTime());
  if (schedule.status.last_schedule) last = std::max(last, *schedule.status.last_schedule);
  for (const StoreSnapshot& each : ours) {
    const std::optional<WallTime> slot = ParseTime(each.meta.Annotation(kSlotAnnotation));
    if (slot && each.meta.Label(kScheduleLabel) == schedule.meta.uid) last = std::max(last, *slot);
  }
  return last;
}

std::optional<WallTime> DueSlotOf(const Cron& cron, const StoreSnapshotSchedule& schedule,
                                  const std::vector<StoreSnapshot>& ours, WallTime now) {
  const std::optional<WallTime> slot = cron.LastDue(now - JitterOf(schedule));
  if (!slot || *slot <= LastDealtWith(schedule, ours)) return std::nullopt;
  return slot;
}

class Planner {
 public:
  Planner(const StoreSnapshotSchedule& schedule, const ScheduleObserved& seen, WallTime now)
      : schedule_(schedule), seen_(seen), now_(now) {
    plan_.status = schedule.status;
    for (const StoreSnapshot& each : seen.snapshots) {
      if (each.meta.Label(kScheduleLabel) == schedule.meta.uid) ours_.push_back(each);
    }
    std::sort(ours_.begin(), ours_.end(), [](const StoreSnapshot& a, const StoreSnapshot& b) {
      return IsOlder(a.meta, b.meta);
    });
  }

  SchedulePlan Run() {
    const Result<Cron> cron = CronOf(schedule_);
    Fold();
    if (!cron.ok()) {
      plan_.status.next_schedule.reset();
      Say(Truth::kFalse, "InvalidSchedule", cron.error().what);
      if (cron.Is(Errc::kUnavailable)) plan_.LookAt(now_ + std::chrono::minutes(5));
      return std::move(plan_);
    }
    if (schedule_.spec.suspend) {
      plan_.status.next_schedule.reset();
      Say(Truth::kFalse, "Suspended", "nothing is taken, and nothing is deleted");
      return std::move(plan_);
    }
    Judge();
    TakeDue(*cron);
    Retain();
    if (const std::optional<WallTime> next = cron->NextDue(now_ - JitterOf(schedule_))) {
      plan_.status.next_schedule = *next + JitterOf(schedule_);
      plan_.LookAt(plan_.status.next_schedule);
    }
    return std::move(plan_);
  }

 private:
  void Say(Truth truth, const char* reason, const std::string& message) {
    Set(&plan_.status.conditions, {"Ready", truth, reason, message, schedule_.meta.generation},
        now_);
  }

  // --- what has become of earlier runs ---

  void Fold() {
    StoreSnapshotScheduleStatus& status = plan_.status;
    status.active.clear();
    for (const StoreSnapshot& each : ours_) {
      const bool active = !IsTerminal(each.status.conditions) && !each.meta.IsDeleting();
      if (active && status.active.size() < kActiveMax) status.active.push_back(each.meta.name);
    }
    CountFailures();
  }

  using End = std::pair<WallTime, std::string>;  // of a run: when, and its name

  // Goes on from what the status says, as failed runs do not stay for ever.
  void CountFailures() {
    StoreSnapshotScheduleStatus& status = plan_.status;
    End counted{WallTime(), ""};
    if (status.last_failure) {
      counted = {status.last_failure->time.value_or(WallTime()),
                 status.last_failure->snapshot_name};
    }
    int64_t failures = status.consecutive_failures.value_or(0);
    std::vector<std::pair<End, const StoreSnapshot*>> ends;
    for (const StoreSnapshot& each : ours_) {
      if (!IsTerminal(each.status.conditions) || !each.status.completion) continue;
      ends.push_back({{*each.status.completion, each.meta.name}, &each});
    }
    std::sort(ends.begin(), ends.end());
    for (const auto& [end, snapshot] : ends) {
      if (IsSound(*snapshot)) {
        status.last_successful = std::max(status.last_successful.value_or(WallTime()), end.first);
        if (end > counted) failures = 0;
      } else if (end > counted) {
        ++failures;
        const std::string reason = ReasonOf(snapshot->status.conditions, "Succeeded");
        status.last_failure = ScheduleFailure{end.first, reason, snapshot->meta.name};
      }
    }
    status.consecutive_failures = failures;
  }

  void Judge() {
    const int64_t failures = plan_.status.consecutive_failures.value_or(0);
    if (failures == 0) return Say(Truth::kTrue, "Scheduled", "");
    Say(Truth::kFalse, "SnapshotsFailing",
        "the last " + std::to_string(failures) + " failed; newest " +
            plan_.status.last_failure->snapshot_name + ": " + plan_.status.last_failure->reason);
  }

  // --- the run that is due ---

  void TakeDue(const Cron& cron) {
    const std::optional<WallTime> slot = DueSlotOf(cron, schedule_, ours_, now_);
    if (!slot) return;
    const auto& deadline = schedule_.spec.starting_deadline_seconds;
    if (deadline && now_ > *slot + JitterOf(schedule_) + seconds(*deadline)) {
      plan_.Warn("MissedRun", "the run of " + FormatTime(*slot) + " is too late to be caught up");
      return DealtWith(cron, *slot, 1);
    }
    const bool waits =
        schedule_.spec.concurrency == ConcurrencyPolicy::kForbid && !plan_.status.active.empty();
    if (waits) return;  // the end of the one before is a change that brings us here again
    const std::string name = SlotName(schedule_.meta.name, *slot);
    const auto same_name =
        std::find_if(seen_.snapshots.begin(), seen_.snapshots.end(),
                     [&](const StoreSnapshot& each) { return each.meta.name == name; });
    if (same_name == seen_.snapshots.end()) {
      plan_.create.push_back(Snapshot(name, *slot));
      plan_.Tell("Created", "StoreSnapshot " + name);
      if (plan_.status.active.size() < kActiveMax) plan_.status.active.push_back(name);
      return DealtWith(cron, *slot, 0);
    }
    if (same_name->meta.Label(kScheduleLabel) == schedule_.meta.uid)
      return DealtWith(cron, *slot, 0);
    plan_.Warn("NameTaken", "StoreSnapshot " + name + " is not ours; the run is left out");
    DealtWith(cron, *slot, 1);
  }

  // Slots between the last one and this are left out: many missed ones are caught up by one.
  void DealtWith(const Cron& cron, WallTime slot, int missed) {
    const int between = cron.CountDue(LastDealtWith(schedule_, ours_), slot, kMissedMax) - 1;
    const int64_t all = plan_.status.missed_runs.value_or(0) + missed + std::max(0, between);
    plan_.status.missed_runs = all;
    plan_.status.last_schedule = slot;
  }

  nlohmann::json Snapshot(const std::string& name, WallTime slot) const {
    Meta meta;
    meta.name = name;
    meta.name_space = schedule_.meta.name_space;
    meta.labels = schedule_.spec.snapshot.metadata.labels;
    meta.annotations = schedule_.spec.snapshot.metadata.annotations;
    meta.labels[kScheduleLabel] = schedule_.meta.uid;
    meta.annotations[kSlotAnnotation] = FormatTime(slot);
    meta.finalizers = {kSnapshotFinalizer};  // which would be another write
    return NewObject(kStoreSnapshotKind, meta, WriteFields(schedule_.spec.snapshot.spec));
  }

  // --- what is not kept ---

  // Only after a success: while the newest run failed, nothing goes.
  bool MayDelete() const {
    const StoreSnapshot* newest = nullptr;
    for (const StoreSnapshot& each : ours_) {
      if (IsTerminal(each.status.conditions)) newest = &each;
    }
    return newest != nullptr && IsSound(*newest);
  }

  void Remove(const StoreSnapshot& snapshot, const char* why) {
    if (plan_.remove.size() == kRetentionDeletionsMax) {
      return plan_.LookAt(now_ + std::chrono::minutes(1));
    }
    plan_.remove.push_back({kStoreSnapshotKind.plural, snapshot.meta.name, snapshot.meta.uid,
                            snapshot.meta.resource_version, why});
    plan_.Tell("Deleted", "StoreSnapshot " + snapshot.meta.name + ": " + why);
  }

  void Retain() {
    if (!MayDelete()) return;
    if (schedule_.spec.retention) RetainSucceeded(*schedule_.spec.retention);
    RetainFailed();
  }

  void RetainSucceeded(const RetentionSpec& spec) {
    std::vector<const StoreSnapshot*> candidates;
    std::vector<repository::RetentionItem> items;
    for (const StoreSnapshot& each : ours_) {
      if (!IsTrue(each.status.conditions, "Succeeded") || each.meta.IsDeleting()) continue;
      candidates.push_back(&each);
      items.push_back({each.meta.created.value_or(now_), IsSound(each), each.spec.hold,
                       IsPinned(each, seen_.operations)});
    }
    repository::RetentionRules rules;
    rules.last = static_cast<uint32_t>(spec.keep_last);
    rules.hourly = static_cast<uint32_t>(spec.keep_hourly);
    rules.daily = static_cast<uint32_t>(spec.keep_daily);
    rules.weekly = static_cast<uint32_t>(spec.keep_weekly);
    rules.monthly = static_cast<uint32_t>(spec.keep_monthly);
    rules.within = seconds(spec.keep_within_seconds);
    rules.min_keep = static_cast<uint32_t>(spec.min_keep);
    const std::vector<bool> keep = repository::PlanRetention(items, rules, now_);
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!keep[i]) Remove(*candidates[i], "not kept by the retention rules");
    }
  }

  // There is a newer sound one (MayDelete), so that whatever a failed one holds is not the last.
  void RetainFailed() {
    std::vector<const StoreSnapshot*> failed;
    for (const StoreSnapshot& each : ours_) {
      if (IsFalse(each.status.conditions, "Succeeded") && !each.meta.IsDeleting() &&
          !each.spec.hold && !IsPinned(each, seen_.operations)) {
        failed.push_back(&each);
      }
    }
    const auto limit = static_cast<size_t>(schedule_.spec.failed_history_limit);
    for (size_t i = 0; i + limit < failed.size(); ++i) {
      Remove(*failed[i], "beyond failedHistoryLimit");
    }
  }

  const StoreSnapshotSchedule& schedule_;
  const ScheduleObserved& seen_;
  const WallTime now_;
  std::vector<StoreSnapshot> ours_;  // oldest first
  SchedulePlan plan_;
};

}  // namespace

std::optional<WallTime> DueSlot(const StoreSnapshotSchedule& schedule,
                                const std::vector<StoreSnapshot>& ours, WallTime now) {
  const Result<Cron> cron = CronOf(schedule);
  return cron.ok() ? DueSlotOf(*cron, schedule, ours, now) : std::nullopt;
}

SchedulePlan PlanSchedule(const StoreSnapshotSchedule& schedule, const ScheduleObserved& seen,
                          WallTime now) {
  return Planner(schedule, seen, now).Run();
}

}  // namespace pannier::control
