#include "operator/certificate_secret.h"

#include <nlohmann/json.hpp>

#include "lib/json/base64.h"
#include "operator/reconcile/secrets.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;
using kube::TextAt;

constexpr kube::Resource kMutating{"admissionregistration.k8s.io", "v1",
                                   "mutatingwebhookconfigurations", "MutatingWebhookConfiguration",
                                   false};
constexpr kube::Resource kValidating{"admissionregistration.k8s.io", "v1",
                                     "validatingwebhookconfigurations",
                                     "ValidatingWebhookConfiguration", false};

}  // namespace

Result<SecretStore::Secret> CertificateSecret::Read() {
  const Result<Json> secret = api_.Get(kube::kSecrets, secret_);
  if (secret.Is(Errc::kNotFound)) return Secret();
  if (!secret.ok()) return secret.error();
  return Secret{DecodeSecret(*secret), TextAt(*secret, "/metadata/resourceVersion")};
}

Status CertificateSecret::Write(const SecretData& data, const std::string& version) {
  Json object = {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"metadata", {{"name", secret_.name}, {"namespace", secret_.ns}}},
                 {"type", "Opaque"},
                 {"data", EncodeSecret(data)}};
  if (version.empty()) {
    const Result<Json> made = api_.Create(kube::kSecrets, object);
    return made.ok() ? Status() : Status(made.error());
  }
  object["metadata"]["resourceVersion"] = version;
  const Result<Json> updated = api_.Update(kube::kSecrets, object);
  return updated.ok() ? Status() : Status(updated.error());
}

Status CertificateSecret::PublishBundle(const std::string& bundle_pem) {
  if (configuration_.empty()) return {};
  std::string bundle;
  json::AppendBase64(bundle_pem, &bundle);
  TRY(PublishIn(kMutating, bundle));
  return PublishIn(kValidating, bundle);
}

// Only what is there: who installs us makes the configurations.
Status CertificateSecret::PublishIn(const kube::Resource& resource, const std::string& bundle) {
  const kube::ObjectKey key{"", configuration_};
  const Json configuration = TRY(api_.Get(resource, key));
  Json webhooks = Json::array();
  bool differs = false;
  for (const Json& each : configuration.value("webhooks", Json::array())) {
    differs = differs || TextAt(each, "/clientConfig/caBundle") != bundle;
    webhooks.push_back({{"name", TextAt(each, "/name")}, {"clientConfig", {{"caBundle", bundle}}}});
  }
  if (!differs) return {};
  const Json object = {{"apiVersion", resource.ApiVersion()},
                       {"kind", std::string(resource.kind)},
                       {"metadata", {{"name", configuration_}}},
                       {"webhooks", std::move(webhooks)}};
  const Result<Json> applied = api_.Apply(resource, key, object, true);
  return applied.ok() ? Status() : Status(applied.error());
}

}  // namespace pannier::control
