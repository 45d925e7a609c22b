// The routes for operators and machines: `/metrics`, `/healthz`, `/readyz` on the metrics listener,
// and these with
// `/admin/v1/…` on the admin socket. Not for workers: those speak Chroma (daemon/api).
//
// Threads: any. Lifetime: what Parts refers to outlives the handlers.
#pragma once

#include <atomic>
#include <string>

#include "daemon/service/daemon_metrics.h"
#include "daemon/store/stores.h"
#include "lib/core/clock.h"
#include "lib/http/message.h"

namespace pannier::admin {

struct Parts {
  store::Stores& stores;
  const service::DaemonMetrics& metrics;
  std::string version;
  std::string commit;
  std::string session_id;            // random at each start, so that a restart is noticed
  const std::atomic<bool>& serving;  // the data socket answers; false while starting and draining
  const Clock& clock;
  SteadyTime started;
};

class AdminApi {
 public:
  explicit AdminApi(Parts parts) : parts_(std::move(parts)) {}

  // What the metrics listener serves. Unknown paths: 404; other methods than GET: 405.
  http::Response HandleMetrics(const http::Request& request) const;
  // The same and `/admin/v1/status`, `/admin/v1/stores`.
  http::Response HandleAdmin(const http::Request& request) const;

 private:
  http::Response Ready() const;
  http::Response Status() const;
  http::Response Stores() const;

  const Parts parts_;
};

}  // namespace pannier::admin
