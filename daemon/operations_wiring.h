// The part of the daemon that snapshots, restores and repairs: repositories, the executor with its
// actions, events. Threads: constructed, started and stopped by one; its parts from any. Lifetime:
// what it is given outlives it.
#pragma once

#include <functional>
#include <memory>

#include "daemon/admin/router.h"
#include "daemon/config/config.h"
#include "daemon/service/daemon_metrics.h"
#include "daemon/store/stores.h"
#include "lib/core/clock.h"
#include "lib/file/file_system.h"

namespace pannier::sessions {
class Registry;
}

namespace pannier::daemon {

class Operations {
 public:
  Operations(const Config& config, const store::StoreOptions& options, store::Stores& stores,
             service::DaemonMetrics& metrics, sessions::Registry& sessions, file::FileSystem& files,
             const Clock& clock, std::function<Status()> on_all_restored);
  ~Operations();

  void AddRoutes(admin::Router& router);
  // Takes up what an earlier process left.
  Status Start();
  // Running operations end at their next step, and go on at the next start. Idempotent.
  void Stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::daemon
