#include "daemon/service/daemon_metrics.h"

#include "daemon/service/machine.h"
#include "daemon/sessions/registry.h"

namespace pannier::service {
namespace {

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

void CollectStores(const store::StoreStats& stats, metrics::Sink& sink) {
  const auto gauge = [&](const char* name, const char* help, uint64_t value) {
    sink.Gauge(name, help, static_cast<double>(value));
  };
  const auto counter = [&](const char* name, const char* help, uint64_t value) {
    sink.Counter(name, help, static_cast<double>(value));
  };
  gauge("pannier_daemon_stores_known", "Stores in the catalog.", stats.stores_known);
  gauge("pannier_daemon_stores_open", "Stores that are open.", stats.stores_open);
  counter("pannier_daemon_stores_opened_total", "Times a store was opened.", stats.opened_total);
  counter("pannier_daemon_stores_evicted_total", "Times an unused store was closed.",
          stats.evicted_total);
  gauge("pannier_daemon_collections", "Collections of open stores.", stats.collections);
  gauge("pannier_daemon_records", "Records of open stores.", stats.records);
  gauge("pannier_daemon_store_disk_bytes", "Disk space of open stores.", stats.bytes_on_disk);
  gauge("pannier_daemon_index_memory_bytes", "Memory of indexes and caches.",
        stats.bytes_in_memory);
  gauge("pannier_daemon_writes_queued", "Writes that wait for a commit.", stats.writes_queued);
  counter("pannier_daemon_commits_total", "Transactions committed.", stats.commits_total);
  counter("pannier_daemon_writes_total", "Writes in committed transactions.", stats.writes_total);
  gauge("pannier_daemon_index_tail_records", "Records that no graph covers yet.",
        stats.tail_records);
  counter("pannier_daemon_index_builds_total", "Graphs built.", stats.graph_builds_total);
  gauge("pannier_daemon_index_builds_running", "Graphs being built.", stats.graph_builds_running);
  counter("pannier_daemon_checksum_failures_total", "Times damage was met and refused.",
          stats.checksum_failures_total);
}

void CollectSessions(const sessions::Registry::Stats& stats, metrics::Sink& sink) {
  sink.Gauge("pannier_daemon_sessions", "Sessions of workers that are registered.",
             static_cast<double>(stats.registered));
  sink.Gauge("pannier_daemon_sessions_ending",
             "Sessions that have ended and whose temporary stores are still to be removed.",
             static_cast<double>(stats.ending));
  for (const sessions::EndReason reason : sessions::kEndReasons) {
    sink.Counter("pannier_daemon_sessions_ended_total", "Sessions that ended, by reason.",
                 static_cast<double>(stats.ended[static_cast<size_t>(reason)]),
                 {{"reason", std::string(ToString(reason))}});
  }
  sink.Counter("pannier_daemon_temporary_stores_removed_total",
               "Temporary stores that were removed with their sessions.",
               static_cast<double>(stats.stores_removed));
}

void CollectServer(const http::Stats& stats, const std::string& listener, metrics::Sink& sink) {
  const metrics::Labels labels = {{"listener", listener}};
  const auto gauge = [&](const char* name, const char* help, uint64_t value) {
    sink.Gauge(name, help, static_cast<double>(value), labels);
  };
  const auto counter = [&](const char* name, const char* help, uint64_t value) {
    sink.Counter(name, help, static_cast<double>(value), labels);
  };
  gauge("pannier_daemon_connections", "Open connections.", stats.connections_open);
  counter("pannier_daemon_connections_accepted_total", "Connections accepted.",
          stats.connections_accepted);
  counter("pannier_daemon_connections_refused_total", "Connections refused at the limit.",
          stats.connections_refused);
  gauge("pannier_daemon_requests_in_flight", "Requests being handled.", stats.requests_in_flight);
  gauge("pannier_daemon_requests_queued", "Complete requests that wait for a thread.",
        stats.requests_queued);
  gauge("pannier_daemon_requests_queued_limit", "Requests that may wait; further ones are refused.",
        stats.requests_queued_max);
  counter("pannier_daemon_requests_refused_total", "Requests refused before any handler saw them.",
          stats.requests_refused);
  counter("pannier_daemon_requests_timed_out_total", "Requests that did not arrive whole in time.",
          stats.requests_timed_out);
  counter("pannier_daemon_received_bytes_total", "Bytes received.", stats.bytes_received);
  counter("pannier_daemon_sent_bytes_total", "Bytes sent.", stats.bytes_sent);
}

// Kinds that alerts ask about, so that the first error is an increase.
void CountFromZero(const metrics::CounterFamily& errors) {
  for (const Errc code : {Errc::kStorageFull, Errc::kResourceExhausted, Errc::kUnavailable,
                          Errc::kDeadlineExceeded, Errc::kCorruption, Errc::kInternal}) {
    errors.With({std::string(ToString(code))}).Add(0);
  }
}

}  // namespace

DaemonMetrics::DaemonMetrics(std::string_view version, std::string_view commit,
                             const Clock& clock) {
  requests_ = registry_.AddCounters("pannier_daemon_requests_total", "Requests answered.",
                                    {"route", "code"}, 1'024);
  request_seconds_ = registry_.AddHistograms("pannier_daemon_request_duration_seconds",
                                             "Time from a whole request to its answer.",
                                             metrics::LatencyBuckets(), {"route"});
  errors_ = registry_.AddCounters("pannier_daemon_errors_total", "Requests that failed, by kind.",
                                  {"kind"});
  CountFromZero(errors_);
  commit_writes_ = registry_.AddHistogram(
      "pannier_daemon_commit_writes", "Writes that shared a transaction.", metrics::SizeBuckets());
  commit_seconds_ = registry_.AddHistogram("pannier_daemon_commit_duration_seconds",
                                           "Time of a transaction with all its writes.",
                                           metrics::LatencyBuckets());
  sync_seconds_ = registry_.AddHistogram("pannier_daemon_sync_duration_seconds",
                                         "Time of a transaction's commit, which syncs the log.",
                                         metrics::LatencyBuckets());
  metrics::HistogramFamily search = registry_.AddHistograms(
      "pannier_daemon_search_duration_seconds", "Time of vector searches, without fetching rows.",
      metrics::LatencyBuckets(), {"plan"});
  search_exact_seconds_ = search.With({"exact"});
  search_graph_seconds_ = search.With({"graph"});
  registry_
      .AddGauge("pannier_daemon_build_info", "Always 1; what is running.",
                {{"version", std::string(version)}, {"commit", std::string(commit)}})
      .Set(1);
  registry_.AddGauge("pannier_daemon_start_timestamp_seconds", "When this process started.")
      .Set(Seconds(clock.Now().time_since_epoch()));
  registry_.AddCollector([](metrics::Sink& sink) {
    sink.Gauge("pannier_daemon_resident_memory_bytes", "Resident memory of the process.",
               static_cast<double>(ResidentBytes()));
    sink.Gauge("pannier_daemon_memory_limit_bytes",
               "Memory that this process may take: its container's limit, or the machine's.",
               static_cast<double>(MemoryLimitBytes(MachineMemoryBytes())));
  });
}

void DaemonMetrics::OnRequest(std::string_view route, int status, std::chrono::nanoseconds took) {
  requests_.With({std::string(route), std::to_string(status)}).Add();
  request_seconds_.With({std::string(route)}).Observe(Seconds(took));
}

void DaemonMetrics::OnError(std::string_view kind) { errors_.With({std::string(kind)}).Add(); }

void DaemonMetrics::OnCommit(uint64_t writes, std::chrono::nanoseconds took,
                             std::chrono::nanoseconds commit_took) {
  commit_writes_.Observe(static_cast<double>(writes));
  commit_seconds_.Observe(Seconds(took));
  sync_seconds_.Observe(Seconds(commit_took));
}

void DaemonMetrics::OnSearch(bool used_graph, std::chrono::nanoseconds took) {
  (used_graph ? search_graph_seconds_ : search_exact_seconds_).Observe(Seconds(took));
}

void DaemonMetrics::OnDamage(const std::string& tenant, const std::string& database,
                             const std::string& what) {
  MutexLock lock(damage_mutex_);
  if (damage_handler_) damage_handler_(tenant, database, what);
}

void DaemonMetrics::OnWriteGate(const store::GateState& now) {
  MutexLock lock(damage_mutex_);
  if (gate_handler_) gate_handler_(now);
}

void DaemonMetrics::SetGateHandler(GateHandler handler) {
  MutexLock lock(damage_mutex_);
  gate_handler_ = std::move(handler);
}

void DaemonMetrics::SetDamageHandler(DamageHandler handler) {
  MutexLock lock(damage_mutex_);
  damage_handler_ = std::move(handler);
}

void DaemonMetrics::WatchMode(std::function<Mode()> mode) {
  registry_.AddCollector([mode = std::move(mode)](metrics::Sink& sink) {
    const std::string now = mode().name;
    for (const std::string_view each : {kNormal, kReadOnly, kMemory}) {
      sink.Gauge("pannier_daemon_mode", "1 for the mode the daemon is in, 0 for the others.",
                 now == each ? 1 : 0, {{"mode", std::string(each)}});
    }
  });
}

void DaemonMetrics::Watch(const store::Stores& stores) {
  registry_.AddCollector([&stores](metrics::Sink& sink) { CollectStores(stores.stats(), sink); });
}

void DaemonMetrics::Watch(const sessions::Registry& sessions) {
  registry_.AddCollector(
      [&sessions](metrics::Sink& sink) { CollectSessions(sessions.stats(), sink); });
}

void DaemonMetrics::Watch(const http::Server& server, const std::string& listener) {
  registry_.AddCollector(
      [&server, listener](metrics::Sink& sink) { CollectServer(server.stats(), listener, sink); });
}

void DaemonMetrics::Watch(file::FileSystem& files, const std::filesystem::path& data) {
  registry_.AddCollector([&files, data](metrics::Sink& sink) {
    const Result<file::Space> space = files.FreeSpace(data);
    if (!space.ok()) return;
    sink.Gauge("pannier_daemon_disk_free_bytes", "Free space where the data lies.",
               static_cast<double>(space->free_bytes));
    sink.Gauge("pannier_daemon_disk_size_bytes", "Size of the file system where the data lies.",
               static_cast<double>(space->total_bytes));
  });
}

void DaemonMetrics::Watch(std::shared_ptr<http::TlsServer> tls, const std::string& listener) {
  registry_.AddCollector([tls = std::move(tls), listener](metrics::Sink& sink) {
    const std::optional<WallTime> until = tls->ValidUntil();
    if (!until) return;
    sink.Gauge("pannier_daemon_certificate_expiry_timestamp_seconds",
               "When the certificate that a TLS listener shows is over.",
               Seconds(until->time_since_epoch()), {{"listener", listener}});
  });
}

}  // namespace pannier::service
