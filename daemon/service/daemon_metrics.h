// Every metric of the daemon, in one place. Names are a contract with dashboards and alerts:
// docs/metrics.md. Threads: any. Lifetime: outlives the stores and servers it observes; Watch()ed
// objects outlive the last Render().
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/service/mode.h"
#include "daemon/service/operation_metrics.h"
#include "daemon/store/stores.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/file/file_system.h"
#include "lib/http/server.h"
#include "lib/metrics/metrics.h"

namespace pannier::sessions {
class Registry;
}

namespace pannier::service {

class DaemonMetrics final : public store::StoreObserver {
 public:
  DaemonMetrics(std::string_view version, std::string_view commit, const Clock& clock);

  // One answered request; `route` is a pattern, "POST /api/v2/…/query".
  void OnRequest(std::string_view route, int status, std::chrono::nanoseconds took);
  // One error of our own making, by its kind ("corruption", "storage_full", …).
  void OnError(std::string_view kind);
  void OnCommit(uint64_t writes, std::chrono::nanoseconds took,
                std::chrono::nanoseconds commit_took) override;
  void OnSearch(bool used_graph, std::chrono::nanoseconds took) override;

  // Passed on to who was named, if any.
  void OnDamage(const std::string& tenant, const std::string& database,
                const std::string& what) override;
  using DamageHandler = std::function<void(const std::string& tenant, const std::string& database,
                                           const std::string& what)>;
  // Null: nobody. When it returns, the former handler is not called any more.
  void SetDamageHandler(DamageHandler handler);

  // Passed on in the same way.
  void OnWriteGate(const store::GateState& now) override;
  using GateHandler = std::function<void(const store::GateState& now)>;
  void SetGateHandler(GateHandler handler);

  // Read at each scrape.
  void WatchMode(std::function<Mode()> mode);
  void Watch(const store::Stores& stores);
  void Watch(const sessions::Registry& sessions);
  void Watch(const http::Server& server, const std::string& listener);
  // The file system that `data` lies on.
  void Watch(file::FileSystem& files, const std::filesystem::path& data);
  void Watch(std::shared_ptr<http::TlsServer> tls, const std::string& listener);

  OperationMetrics& operations() { return operations_; }

  std::string Render() const { return registry_.Render(); }

 private:
  metrics::Registry registry_;
  OperationMetrics operations_{registry_};
  metrics::CounterFamily requests_, errors_;
  metrics::HistogramFamily request_seconds_;
  metrics::Histogram commit_writes_, commit_seconds_, sync_seconds_;
  metrics::Histogram search_exact_seconds_, search_graph_seconds_;
  Mutex damage_mutex_;  // held while a handler runs, which returns at once
  DamageHandler damage_handler_ GUARDED_BY(damage_mutex_);
  GateHandler gate_handler_ GUARDED_BY(damage_mutex_);
};

}  // namespace pannier::service
