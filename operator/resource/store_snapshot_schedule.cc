#include "operator/resource/store_snapshot_schedule.h"

#include "operator/resource/common_fields.h"

namespace pannier::control {
namespace {

constexpr const char* kPolicies[] = {"Forbid", "Allow"};

void Keep(Visitor& v, const char* name, const char* help, int64_t* value) {
  v.Number({.name = name, .help = help, .min = 0, .max = 10000}, value);
}

}  // namespace

void TemplateMetadata::Fields(Visitor& v) {
  v.Map({.name = "labels", .help = "Labels of the snapshots.", .length_max = 63, .items_max = 32},
        &labels);
  v.Map({.name = "annotations",
         .help = "Annotations of the snapshots.",
         .length_max = 4096,
         .items_max = 32},
        &annotations);
}

void SnapshotTemplate::Fields(Visitor& v) {
  v.Object({.name = "metadata", .help = "Labels and annotations."}, &metadata);
  v.Object({.name = "spec", .help = "What each StoreSnapshot asks for.", .required = true}, &spec);
}

void RetentionSpec::Fields(Visitor& v) {
  Keep(v, "keepLast", "The newest so many stay.", &keep_last);
  Keep(v, "keepHourly", "The newest of each of so many hours that have one stays.", &keep_hourly);
  Keep(v, "keepDaily", "The newest of each of so many days (UTC) that have one stays.",
       &keep_daily);
  Keep(v, "keepWeekly", "The newest of each of so many weeks that have one stays.", &keep_weekly);
  Keep(v, "keepMonthly", "The newest of each of so many months that have one stays.",
       &keep_monthly);
  v.Number({.name = "keepWithinSeconds",
            .help = "Those not older than this stay.",
            .min = 0,
            .max = 315360000},
           &keep_within_seconds);
  v.Number({.name = "minKeep",
            .help = "Never fewer than this, whatever other rules say.",
            .min = 1,
            .max = 10000},
           &min_keep);
  v.Rules(
      {{"self.keepLast > 0 || self.keepHourly > 0 || self.keepDaily > 0 || self.keepWeekly > 0 "
        "|| self.keepMonthly > 0 || self.keepWithinSeconds > 0",
        "set at least one of keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, "
        "keepWithinSeconds"}});
}

void StoreSnapshotScheduleSpec::Fields(Visitor& v) {
  ScheduleField(
      v, "schedule",
      "When: minute, hour, day of month, month, day of week; or @yearly, @monthly, @weekly, "
      "@daily, @hourly. H is a value that follows from the name, to spread load.",
      true, &schedule);
  TimeZoneField(v, &time_zone);
  v.Flag({.name = "suspend", .help = "Whether no new snapshot is taken and none is deleted."},
         &suspend);
  v.Number({.name = "startingDeadlineSeconds",
            .help = "A run that is later than this is missed. Default: it is caught up, once.",
            .min = 10,
            .max = 604800},
           &starting_deadline_seconds);
  v.Choice({.name = "concurrencyPolicy",
            .help = "Whether a run may begin while the one before it is not at its end."},
           &concurrency, kPolicies);
  v.Number({.name = "jitterSeconds",
            .help = "Runs begin up to this much later, each schedule by a time of its own.",
            .min = 0,
            .max = 3600},
           &jitter_seconds);
  v.Object({.name = "template", .help = "The StoreSnapshots to make.", .required = true},
           &snapshot);
  v.Object(
      {.name = "retention",
       .help = "Which of its snapshots stay. Default: all. Held ones, those in use and the newest "
               "verified one always stay."},
      &retention);
  v.Number({.name = "failedHistoryLimit",
            .help = "Failed StoreSnapshots that stay.",
            .min = 0,
            .max = 100},
           &failed_history_limit);
}

void ScheduleFailure::Fields(Visitor& v) {
  v.Time({.name = "time", .help = "When it ended."}, &time);
  v.Text({.name = "reason", .help = "Reason of its condition Succeeded.", .length_max = 64},
         &reason);
  v.Text({.name = "snapshotName", .help = "The StoreSnapshot."}, &snapshot_name);
}

void StoreSnapshotScheduleStatus::Fields(Visitor& v) {
  ConditionsField(v, &conditions);
  v.Time({.name = "lastScheduleTime", .help = "The last time that was due and is dealt with."},
         &last_schedule);
  v.Time({.name = "lastSuccessfulTime", .help = "When the last successful snapshot ended."},
         &last_successful);
  v.Time({.name = "nextScheduleTime", .help = "When the next snapshot is due."}, &next_schedule);
  v.Texts({.name = "active",
           .help = "StoreSnapshots that are not at their end.",
           .items_max = kActiveMax},
          &active);
  v.Number({.name = "consecutiveFailures", .help = "Failures since the last success."},
           &consecutive_failures);
  v.Number({.name = "missedRuns", .help = "Runs that were due and not made."}, &missed_runs);
  v.Object({.name = "lastFailure", .help = "The newest failure."}, &last_failure);
}

const Kind kStoreSnapshotScheduleKind = {
    .name = "StoreSnapshotSchedule",
    .plural = "storesnapshotschedules",
    .singular = "storesnapshotschedule",
    .short_name = "ssched",
    .help = "When snapshots are taken, and which are kept. Deleting it keeps its snapshots.",
    .spec = [](Visitor& v) { StoreSnapshotScheduleSpec().Fields(v); },
    .status = [](Visitor& v) { StoreSnapshotScheduleStatus().Fields(v); },
    .columns = {{"Schedule", "string", ".spec.schedule"},
                {"Suspend", "boolean", ".spec.suspend"},
                {"Last-Success", "date", ".status.lastSuccessfulTime"},
                {"Next", "string", ".status.nextScheduleTime"},
                {"Failures", "integer", ".status.consecutiveFailures"},
                {"Age", "date", ".metadata.creationTimestamp"}},
    .rules = {{"self.metadata.name.size() <= 200",
               "metadata.name must have at most 200 characters: snapshots are named after it"}}};

}  // namespace pannier::control
