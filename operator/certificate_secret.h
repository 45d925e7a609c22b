// The webhook's certificates in the API: a Secret, and the caBundle of the two webhook
// configurations, whose fields are ours by server-side apply, so that an upgrade by Helm leaves
// them alone. Threads: one at a time. Lifetime: api outlives it.
#pragma once

#include <string>

#include "operator/kube/api.h"
#include "operator/webhook/certificates.h"

namespace pannier::control {

class CertificateSecret final : public SecretStore {
 public:
  // `configuration`: the name of both; empty: the bundle is published nowhere.
  CertificateSecret(kube::Api& api, kube::ObjectKey secret, std::string configuration)
      : api_(api), secret_(std::move(secret)), configuration_(std::move(configuration)) {}

  Result<Secret> Read() override;
  Status Write(const SecretData& data, const std::string& version) override;
  Status PublishBundle(const std::string& bundle_pem) override;

 private:
  Status PublishIn(const kube::Resource& resource, const std::string& bundle);

  kube::Api& api_;
  const kube::ObjectKey secret_;
  const std::string configuration_;
};

}  // namespace pannier::control
