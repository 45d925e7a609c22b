#include "operator/resource/store_cleanup_policy.h"

#include "operator/resource/common_fields.h"

namespace pannier::control {
namespace {

constexpr const char* kModes[] = {"Report", "Quarantine", "Delete"};
constexpr int64_t kYear = 31536000;

void Seconds(Visitor& v, const char* name, const char* help, int64_t min, int64_t* value) {
  v.Number({.name = name, .help = help, .required = true, .min = min, .max = 10 * kYear}, value);
}

}  // namespace

void IdleStoresRule::Fields(Visitor& v) {
  Seconds(v, "idleSeconds", "How long nobody used it.", 3600, &idle_seconds);
  v.Flag({.name = "requireVerifiedSnapshot",
          .help = "Whether only stores go whose last state is in a verified snapshot."},
         &require_verified_snapshot);
  v.Number({.name = "quarantineSeconds",
            .help = "How long it is kept aside before it is deleted.",
            .min = 0,
            .max = kYear},
           &quarantine_seconds);
}

void SessionsRule::Fields(Visitor& v) {
  Seconds(v, "idleSeconds", "How long nothing was heard of it.", 300, &idle_seconds);
}

void OrphanFilesRule::Fields(Visitor& v) {
  Seconds(v, "olderThanSeconds", "Age of a file that no store owns.", 3600, &older_than_seconds);
}

void RepositoryObjectsRule::Fields(Visitor& v) {
  Seconds(v, "unreferencedSeconds", "Age of an object that no snapshot needs.", 86400,
          &unreferenced_seconds);
}

void SnapshotsRule::Fields(Visitor& v) {
  Seconds(v, "failedOlderThanSeconds", "Age of a StoreSnapshot that failed.", 3600,
          &failed_older_than_seconds);
}

void ClaimsRule::Fields(Visitor& v) {
  v.Object({.name = "selector",
            .help = "Claims that the rule is about; must not be empty.",
            .required = true,
            .rules = {{"(has(self.matchLabels) && self.matchLabels.size() > 0) || "
                       "(has(self.matchExpressions) && self.matchExpressions.size() > 0)",
                       "the selector of claims must not be empty", "", "FieldValueRequired"}}},
           &selector);
  Seconds(v, "unusedSeconds", "How long no pod used it.", 86400, &unused_seconds);
}

void CleanupRules::Fields(Visitor& v) {
  v.Object({.name = "idleStores", .help = "Stores that nobody uses."}, &idle_stores);
  v.Object({.name = "sessions", .help = "Worker sessions that nobody ended."}, &sessions);
  v.Object(
      {.name = "orphanFiles", .help = "Files in a daemon's data directory that no store owns."},
      &orphan_files);
  v.Object({.name = "repositoryObjects", .help = "Objects in a repository that no snapshot needs."},
           &repository_objects);
  v.Object({.name = "snapshots", .help = "StoreSnapshots that failed."}, &snapshots);
  v.Object({.name = "persistentVolumeClaims", .help = "Claims that no pod uses."}, &claims);
  v.Rules(
      {{"has(self.idleStores) || has(self.sessions) || has(self.orphanFiles) || "
        "has(self.repositoryObjects) || has(self.snapshots) || has(self.persistentVolumeClaims)",
        "set at least one rule"}});
}

void CleanupLimits::Fields(Visitor& v) {
  v.Number({.name = "maxDeletions", .help = "Most that one run removes.", .min = 1, .max = 1000},
           &max_deletions);
  v.Number({.name = "maxPercent",
            .help = "Most of all things of a kind that one run removes; but always one.",
            .min = 1,
            .max = 50},
           &max_percent);
}

void StoreCleanupPolicySpec::Fields(Visitor& v) {
  ScheduleField(v, "schedule", "When it runs.", true, &schedule);
  TimeZoneField(v, &time_zone);
  v.Flag({.name = "suspend", .help = "Whether it does not run."}, &suspend);
  v.Choice(
      {.name = "mode",
       .help = "Report: says what it found. Quarantine: also puts aside what can be put aside. "
               "Delete: also deletes."},
      &mode, kModes);
  v.Object({.name = "vectorStoreSelector",
            .help = "VectorStores of the namespace that it is about. Default: all."},
           &vector_stores);
  v.Object({.name = "rules", .help = "What is looked for. At least one.", .required = true},
           &rules);
  v.Object({.name = "limits", .help = "Where a run stops."}, &limits);
  v.Rules(
      {{"self.mode != 'Delete' || !has(self.rules.idleStores) || "
        "self.rules.idleStores.requireVerifiedSnapshot",
        "mode Delete with idleStores needs requireVerifiedSnapshot",
        ".rules.idleStores.requireVerifiedSnapshot"}});
}

void RuleResult::Fields(Visitor& v) {
  v.Text({.name = "rule", .help = "Name of the rule.", .required = true, .length_max = 64}, &rule);
  v.Number({.name = "candidates", .help = "What it applies to."}, &candidates);
  v.Number({.name = "deleted", .help = "Removed or put aside in the last run."}, &deleted);
  v.Number({.name = "reclaimedBytes", .help = "Bytes that the last run gave back."},
           &reclaimed_bytes);
}

void CleanupSample::Fields(Visitor& v) {
  v.Text({.name = "kind", .help = "What it is.", .length_max = 64}, &kind);
  v.Text({.name = "name", .help = "Its name.", .length_max = 512}, &name);
  v.Text({.name = "uid", .help = "Its uid.", .length_max = 128}, &uid);
  v.Text({.name = "reason", .help = "Why it was chosen.", .length_max = 256}, &reason);
  v.Time({.name = "since", .help = "Since when nobody needs it."}, &since);
}

void StoreCleanupPolicyStatus::Fields(Visitor& v) {
  ConditionsField(v, &conditions);
  v.Time({.name = "lastRunTime", .help = "When it ran last."}, &last_run);
  v.Time({.name = "nextRunTime", .help = "When it runs next."}, &next_run);
  v.List({.name = "rules", .help = "What each rule found.", .items_max = 8, .keys = "rule"},
         &rules);
  v.List({.name = "sample", .help = "The first of what was found.", .items_max = kSampleMax},
         &sample);
}

const Kind kStoreCleanupPolicyKind = {
    .name = "StoreCleanupPolicy",
    .plural = "storecleanuppolicies",
    .singular = "storecleanuppolicy",
    .short_name = "scp",
    .help = "What nobody needs any more, and what may be done about it. Reports unless told more.",
    .spec = [](Visitor& v) { StoreCleanupPolicySpec().Fields(v); },
    .status = [](Visitor& v) { StoreCleanupPolicyStatus().Fields(v); },
    .columns = {{"Mode", "string", ".spec.mode"},
                {"Schedule", "string", ".spec.schedule"},
                {"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"},
                {"Last-Run", "date", ".status.lastRunTime"},
                {"Next", "string", ".status.nextRunTime"},
                {"Age", "date", ".metadata.creationTimestamp"},
                {"Suspend", "boolean", ".spec.suspend", true},
                {"Limit", "string", ".status.conditions[?(@.type==\"LimitReached\")].status",
                 true}}};

}  // namespace pannier::control
