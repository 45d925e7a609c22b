#include "daemon/service/daemon_metrics.h"

#include <unistd.h>

#include <cstdio>

namespace pannier::service {
namespace {

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

// Resident memory of this process; 0 when the kernel does not tell.
double ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long total = 0, resident = 0;
  const int read = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
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
  counter("pannier_daemon_requests_refused_total", "Requests refused before any handler saw them.",
          stats.requests_refused);
  counter("pannier_daemon_requests_timed_out_total", "Requests that did not arrive whole in time.",
          stats.requests_timed_out);
  counter("pannier_daemon_received_bytes_total", "Bytes received.", stats.bytes_received);
  counter("pannier_daemon_sent_bytes_total", "Bytes sent.", stats.bytes_sent);
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
  registry_
      .AddGauge("pannier_daemon_mode", "1 for the mode the daemon is in.", {{"mode", "normal"}})
      .Set(1);
  registry_.AddCollector([](metrics::Sink& sink) {
    sink.Gauge("pannier_daemon_resident_memory_bytes", "Resident memory of the process.",
               ResidentBytes());
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

void DaemonMetrics::SetDamageHandler(DamageHandler handler) {
  MutexLock lock(damage_mutex_);
  damage_handler_ = std::move(handler);
}

void DaemonMetrics::Watch(const store::Stores& stores) {
  registry_.AddCollector([&stores](metrics::Sink& sink) { CollectStores(stores.stats(), sink); });
}

void DaemonMetrics::Watch(const http::Server& server, const std::string& listener) {
  registry_.AddCollector(
      [&server, listener](metrics::Sink& sink) { CollectServer(server.stats(), listener, sink); });
}

}  // namespace pannier::service
