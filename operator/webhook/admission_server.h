// The HTTPS server that the API server asks: POST /mutate and POST /validate, bounded in size, time
// and number; GET /healthz and /readyz for probes. It is ready once a certificate is loaded; until
// then connections are closed, so that nothing is let through unchanged by accident (the webhook's
// failurePolicy is Fail). Threads: any. Lifetime: `admission` outlives it.
#pragma once

#include <memory>
#include <string>

#include "lib/http/server.h"
#include "operator/webhook/admission.h"

namespace pannier::control {

class AdmissionServer {
 public:
  // `address`: "0.0.0.0:9443".
  AdmissionServer(std::string address, const Admission& admission);

  // Binds and serves. Once.
  //   as http::Server::Start()
  Status Start();
  // Lets running answers end within `grace`. Idempotent.
  void Stop(std::chrono::milliseconds grace);

  // Certificates for new connections.
  //   kInvalidArgument  they cannot be used; those before stay
  Status Use(const http::TlsMaterial& material) { return tls_->Use(material); }
  bool IsReady() const { return tls_->IsReady(); }
  // When the certificate in use is over; nothing while there is none.
  std::optional<WallTime> ValidUntil() const { return tls_->ValidUntil(); }
  // "https://0.0.0.0:9443", with the real port, after Start().
  std::string address() const { return server_.addresses().front(); }
  http::Stats stats() const { return server_.stats(); }

 private:
  http::Response Answer(const http::Request& request) const;

  const Admission& admission_;
  const std::shared_ptr<http::TlsServer> tls_;
  http::Server server_;
};

}  // namespace pannier::control
