// The routes for operators and machines: `/metrics`, `/healthz`, `/readyz` on the metrics listener,
// and these with `/admin/v1/…` (docs/admin-api.md) on the admin socket. Not for workers: those
// speak Chroma (daemon/api).
//
// Threads: any. Lifetime: what Parts refers to outlives the handlers.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "daemon/admin/router.h"
#include "daemon/service/daemon_metrics.h"
#include "daemon/service/mode.h"
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
  std::function<service::Mode()> mode = {};  // empty: always normal
};

class AdminApi {
 public:
  explicit AdminApi(Parts parts);

  // Where further groups of routes (routes.h) are added, before the first request.
  Router& router() { return router_; }

  // What the metrics listener serves. Unknown paths: 404; other methods than GET: 405.
  http::Response HandleMetrics(const http::Request& request) const;
  // The same and `/admin/v1`, whose changes are logged (audit.h).
  http::Response HandleAdmin(const http::Request& request) const;

 private:
  http::Response AnswerAdmin(const http::Request& request) const;
  http::Response Ready() const;
  Result<http::Response> Status() const;
  Result<http::Response> Stores() const;

  const Parts parts_;
  Router router_;
};

}  // namespace pannier::admin
