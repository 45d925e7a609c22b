// The admission webhook as a replica runs it: the server, what it injects, and a thread that keeps
// its certificates. Threads: Start() and Stop() from one; IsReady() from any. Lifetime: all
// arguments outlive it.
#pragma once

#include <memory>
#include <thread>

#include "operator/certificate_secret.h"
#include "operator/command_line.h"
#include "operator/reconcile/caches.h"
#include "operator/webhook/admission_server.h"

namespace pannier::control {

class WebhookRunner {
 public:
  WebhookRunner(kube::Api& api, const Caches& caches, const Clock& clock,
                const OperatorOptions& options);
  ~WebhookRunner();

  //   as AdmissionServer::Start
  Status Start();
  void Stop();
  // Whether it has a certificate to show.
  bool IsReady() const { return server_.IsReady(); }
  // When that certificate is over.
  std::optional<WallTime> ValidUntil() const { return server_.ValidUntil(); }

 private:
  void KeepCertificates(std::stop_token stop);
  Result<inject::Sidecar> SidecarOf(const std::string& ns, const std::string& name) const;
  // As the cache has it, or, where it may lag behind, the API.
  Result<nlohmann::json> Find(const kube::Resource& resource, const kube::ObjectKey& key) const;

  kube::Api& api_;
  const Caches& caches_;
  const std::string daemon_image_;
  const Admission admission_;
  AdmissionServer server_;
  CertificateSecret secret_;
  CertificateKeeper keeper_;
  const Clock& clock_;
  Mutex mutex_;
  CondVar stopped_;
  std::jthread thread_;
};

}  // namespace pannier::control
