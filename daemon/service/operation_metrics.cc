#include "daemon/service/operation_metrics.h"

namespace pannier::service {
namespace {

// A second to three hours.
const std::vector<double>& LongBuckets() {
  static const std::vector<double> kBuckets = {0.1, 0.5, 1,   2.5, 5,    10,   30,
                                               60,  120, 300, 600, 1200, 3600, 10800};
  return kBuckets;
}

double SecondsOf(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

OperationMetrics::OperationMetrics(metrics::Registry& registry) : registry_(registry) {
  operations_ = registry.AddCounters("pannier_daemon_operations_total", "Operations that ended.",
                                     {"action", "result"});
  snapshots_ = registry.AddCounters("pannier_daemon_snapshots_total",
                                    "Snapshots asked for, by how they ended.", {"result"});
  verifications_ =
      registry.AddCounters("pannier_daemon_verifications_total",
                           "Verifications of snapshots, by what they found.", {"level", "result"});
  restores_ = registry.AddCounters("pannier_daemon_restores_total", "Restores, by how they ended.",
                                   {"result"});
  salvages_ = registry.AddCounters("pannier_daemon_salvages_total",
                                   "Salvages of damaged stores, by how they ended.", {"result"});
  checks_ = registry.AddCounters("pannier_daemon_store_checks_total",
                                 "Checks of idle stores, by what they found.", {"result"});
  snapshot_seconds_ =
      registry.AddHistogram("pannier_daemon_snapshot_seconds",
                            "Time of a snapshot with its verification.", LongBuckets());
  snapshot_bytes_ = registry.AddCounter("pannier_daemon_snapshot_bytes_total",
                                        "Bytes of the stores that were snapshotted.");
  snapshot_new_bytes_ = registry.AddCounter("pannier_daemon_snapshot_new_bytes_total",
                                            "Bytes that snapshots added to repositories.");
  scrubbed_bytes_ = registry.AddCounter("pannier_daemon_scrubbed_bytes_total",
                                        "Bytes of idle stores that were read and checked.");
  snapshot_success_ = registry.AddGauge("pannier_daemon_snapshot_last_success_timestamp_seconds",
                                        "When a snapshot last succeeded; 0: not since the start.");
  verification_success_ =
      registry.AddGauge("pannier_daemon_verification_last_success_timestamp_seconds",
                        "When a snapshot was last found sound; 0: not since the start.");
  // They count from zero, so that the first failure is an increase.
  for (const char* result : {"succeeded", "failed", "cancelled"}) {
    for (const auto& family : {snapshots_, restores_, salvages_}) family.With({result}).Add(0);
  }
  for (const char* result : {"sound", "unsound"}) {
    checks_.With({result}).Add(0);
    for (const char* level : {"manifest", "deep"}) verifications_.With({level, result}).Add(0);
  }
  for (const char* action : {"snapshot", "restore"}) operations_.With({action, "failed"}).Add(0);
}

void OperationMetrics::OnEnd(const std::string& action, const std::string& result) {
  operations_.With({action, result}).Add();
}

void OperationMetrics::OnSnapshot(const std::string& result, std::chrono::nanoseconds took,
                                  WallTime now) {
  snapshots_.With({result}).Add();
  if (result != "succeeded") return;
  snapshot_seconds_.Observe(std::chrono::duration<double>(took).count());
  snapshot_success_.Set(SecondsOf(now));
}

void OperationMetrics::OnSnapshotBytes(uint64_t bytes, uint64_t new_bytes) {
  snapshot_bytes_.Add(static_cast<double>(bytes));
  snapshot_new_bytes_.Add(static_cast<double>(new_bytes));
}

void OperationMetrics::OnVerification(const std::string& level, bool sound, WallTime now) {
  verifications_.With({level, sound ? "sound" : "unsound"}).Add();
  if (sound) verification_success_.Set(SecondsOf(now));
}

void OperationMetrics::OnRestore(const std::string& result) { restores_.With({result}).Add(); }
void OperationMetrics::OnSalvage(const std::string& result) { salvages_.With({result}).Add(); }
void OperationMetrics::OnStoreCheck(bool sound) {
  checks_.With({sound ? "sound" : "unsound"}).Add();
}
void OperationMetrics::OnScrub(uint64_t bytes) { scrubbed_bytes_.Add(static_cast<double>(bytes)); }

void OperationMetrics::Watch(std::function<OperationGauges()> gauges) {
  registry_.AddCollector([gauges = std::move(gauges)](metrics::Sink& sink) {
    const OperationGauges now = gauges();
    sink.Gauge("pannier_daemon_operations_running", "Operations that run.",
               static_cast<double>(now.running));
    sink.Gauge("pannier_daemon_operations_waiting", "Operations that wait.",
               static_cast<double>(now.waiting));
    sink.Gauge("pannier_daemon_quarantined_stores", "Stores in quarantine.",
               static_cast<double>(now.quarantined));
    sink.Gauge("pannier_daemon_damaged_stores", "Stores that are known to be damaged.",
               static_cast<double>(now.damaged));
    const char* kEvents = "pannier_daemon_events_total";
    sink.Counter(kEvents, "Events, by type.", static_cast<double>(now.events_normal),
                 {{"type", "Normal"}});
    sink.Counter(kEvents, "Events, by type.", static_cast<double>(now.events_warning),
                 {{"type", "Warning"}});
    for (const OperationGauges::Repositories& type : now.repositories) {
      sink.Gauge("pannier_daemon_repositories_configured", "Repositories of the configuration.",
                 static_cast<double>(type.configured), {{"type", type.type}});
      sink.Gauge("pannier_daemon_repositories_up",
                 "Repositories that answered, and were the right ones, when last asked.",
                 static_cast<double>(type.up), {{"type", type.type}});
    }
  });
}

}  // namespace pannier::service
