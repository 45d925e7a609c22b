// The operator as a whole: the API server's objects in caches, controllers while it leads, the
// webhook and the metrics always. Losing the lease, and an API server that is away, end nothing.
// Threads: Start() and Stop() from one. Lifetime: clock outlives it.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "lib/http/server.h"
#include "lib/metrics/metrics.h"
#include "operator/command_line.h"
#include "operator/controllers.h"
#include "operator/daemons/admin_calls.h"
#include "operator/kube/access.h"
#include "operator/kube/api_server.h"
#include "operator/kube/guarded_api.h"
#include "operator/kube/leader.h"
#include "operator/object_metrics.h"
#include "operator/reconcile/admin_trust.h"
#include "operator/webhook_runner.h"

namespace pannier::control {

class Operator {
 public:
  //   kInvalidArgument  the API server's address or certificates are none
  static Result<std::unique_ptr<Operator>> Make(const OperatorOptions& options,
                                                const kube::Access& access, const Clock& clock);
  ~Operator();

  // Binds its listeners and begins.
  //   as http::Server::Start
  Status Start();
  // Stops acting, gives the lease back, and ends.
  void Stop();

 private:
  struct Apis {
    std::unique_ptr<kube::ApiServer> api;       // of all
    std::unique_ptr<kube::ApiServer> electing;  // of the elector alone: short time-outs, no pace
  };
  Operator(const OperatorOptions& options, std::unique_ptr<metrics::Registry> registry,
           kube::RuntimeMetrics metrics, Apis apis, const Clock& clock);
  void Prepare();
  // Until the CRDs are there and all is known; then it may lead.
  void Begin(std::stop_token stop);
  // What starting, a list or a storm needed is given back.
  void KeepSmall(const std::stop_token& stop);
  bool AreKindsServed(LogLimiter* limiter);
  void OnLeading(int64_t epoch);
  void OnFollowing();
  std::optional<int64_t> Epoch() const;
  bool IsReady() const;
  http::Response Answer(const http::Request& request) const;

  const OperatorOptions options_;
  const std::unique_ptr<metrics::Registry> registry_;
  const kube::RuntimeMetrics metrics_;
  const Apis apis_;
  const Clock& clock_;
  Caches caches_;
  ObjectMetrics object_metrics_{caches_};
  kube::EventRecorder events_;
  kube::GuardedApi guarded_;
  AdminTrust trust_;
  Secrets secrets_;
  AdminCalls daemons_;
  const std::unique_ptr<S3Repositories> s3_;
  Context context_;
  Controllers controllers_;
  kube::LeaderElector elector_;
  std::unique_ptr<WebhookRunner> webhook_;  // null: none is wanted
  http::Server status_;
  std::atomic<int64_t> alone_epoch_ = 0;  // without election: while it leads
  std::atomic<bool> may_lead_ = false;    // the CRDs are there and the caches synced
  std::atomic<bool> electing_ = false;
  Mutex mutex_;
  CondVar stopped_;
  std::jthread beginning_;
};

}  // namespace pannier::control
