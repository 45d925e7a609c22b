// StoreSnapshotSchedule: when snapshots are taken, and which are kept. Threads: plain values.
#pragma once

#include "operator/resource/store_snapshot.h"

namespace pannier::control {

enum class ConcurrencyPolicy { kForbid, kAllow };

struct TemplateMetadata {
  std::map<std::string, std::string> labels, annotations;
  void Fields(Visitor& v);
};
struct SnapshotTemplate {
  TemplateMetadata metadata;
  StoreSnapshotSpec spec;
  void Fields(Visitor& v);
};
struct RetentionSpec {
  int64_t keep_last = 0, keep_hourly = 0, keep_daily = 0, keep_weekly = 0, keep_monthly = 0;
  int64_t keep_within_seconds = 0;
  int64_t min_keep = 1;
  void Fields(Visitor& v);
};

struct StoreSnapshotScheduleSpec {
  std::string schedule, time_zone;
  bool suspend = false;
  std::optional<int64_t> starting_deadline_seconds;
  ConcurrencyPolicy concurrency = ConcurrencyPolicy::kForbid;
  int64_t jitter_seconds = 0;
  SnapshotTemplate snapshot;  // `template` is a keyword
  std::optional<RetentionSpec> retention;
  int64_t failed_history_limit = 3;
  void Fields(Visitor& v);
};

struct ScheduleFailure {
  std::optional<WallTime> time;
  std::string reason, snapshot_name;
  void Fields(Visitor& v);
};

inline constexpr size_t kActiveMax = 10;

struct StoreSnapshotScheduleStatus {
  Conditions conditions;  // Ready
  std::optional<WallTime> last_schedule, last_successful, next_schedule;
  std::vector<std::string> active;
  std::optional<int64_t> consecutive_failures, missed_runs;
  std::optional<ScheduleFailure> last_failure;
  void Fields(Visitor& v);
};

using StoreSnapshotSchedule = Resource<StoreSnapshotScheduleSpec, StoreSnapshotScheduleStatus>;
extern const Kind kStoreSnapshotScheduleKind;

}  // namespace pannier::control
