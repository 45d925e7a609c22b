// The metrics of snapshots, restores, damage and operations. Names are a contract with dashboards
// and alerts: docs/metrics.md. Threads: any. Lifetime: `registry` outlives it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "lib/core/clock.h"
#include "lib/metrics/metrics.h"

namespace pannier::service {

// What is asked for at each scrape.
struct OperationGauges {
  uint64_t running = 0, waiting = 0;
  uint64_t quarantined = 0, damaged = 0;
  uint64_t events_normal = 0, events_warning = 0;
  struct Repositories {
    std::string type;
    uint64_t configured = 0, up = 0;
  };
  std::vector<Repositories> repositories;
};

class OperationMetrics {
 public:
  explicit OperationMetrics(metrics::Registry& registry);

  // `result`: "succeeded", "failed", "cancelled".
  void OnEnd(const std::string& action, const std::string& result);
  void OnSnapshot(const std::string& result, std::chrono::nanoseconds took, WallTime now);
  void OnSnapshotBytes(uint64_t bytes, uint64_t new_bytes);
  // `level`: "manifest", "deep"; `sound` as found.
  void OnVerification(const std::string& level, bool sound, WallTime now);
  void OnRestore(const std::string& result);
  void OnSalvage(const std::string& result);
  void OnStoreCheck(bool sound);
  void OnScrub(uint64_t bytes);

  // Read at each scrape.
  void Watch(std::function<OperationGauges()> gauges);

 private:
  metrics::Registry& registry_;
  metrics::CounterFamily operations_, snapshots_, verifications_, restores_, salvages_, checks_;
  metrics::Histogram snapshot_seconds_;
  metrics::Counter snapshot_bytes_, snapshot_new_bytes_, scrubbed_bytes_;
  metrics::Gauge snapshot_success_, verification_success_;
};

}  // namespace pannier::service
