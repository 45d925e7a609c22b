// Goal: the webhook's certificates are kept in a Secret, and both configurations trust them.
// Method: the keeper over the API in memory.
#include "operator/certificate_secret.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operator/reconcile/secrets.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kube_api.h"

namespace pannier::test {
namespace {

using namespace control;
using Json = nlohmann::json;

constexpr kube::Resource kMutating{"admissionregistration.k8s.io", "v1",
                                   "mutatingwebhookconfigurations", "MutatingWebhookConfiguration",
                                   false};
constexpr kube::Resource kValidating{"admissionregistration.k8s.io", "v1",
                                     "validatingwebhookconfigurations",
                                     "ValidatingWebhookConfiguration", false};

void Install(FakeKubeApi& api, const kube::Resource& resource) {
  api.Create(resource, {{"apiVersion", resource.ApiVersion()},
                        {"kind", std::string(resource.kind)},
                        {"metadata", {{"name", "hooks"}}},
                        {"webhooks", {{{"name", "a.pannier.dev"}, {"clientConfig", {{"x", 1}}}}}}})
      .value();
}

}  // namespace

TEST_CASE("certificates: made once, kept in the Secret, trusted by both configurations",
          "[operator]") {
  FakeClock clock;
  FakeKubeApi api(clock);
  Install(api, kMutating);
  Install(api, kValidating);
  CertificateSecret secret(api, {"ours", "hook-certs"}, "hooks");
  CertificateRules rules;
  rules.dns_names = {"hook.ours.svc"};
  std::string shown;
  CertificateKeeper keeper(secret, rules, clock, [&](const http::TlsMaterial& material) {
    shown = material.certificate_pem;
    return Status();
  });
  REQUIRE(keeper.Tend().ok());
  const Json stored = api.Get(kube::kSecrets, {"ours", "hook-certs"}).value();
  REQUIRE(DecodeSecret(stored)["tls.crt"] == shown);
  for (const kube::Resource& each : {kMutating, kValidating}) {
    const Json hook = api.Get(each, {"", "hooks"}).value()["webhooks"][0];
    REQUIRE(hook["clientConfig"]["caBundle"] == stored["data"]["ca.crt"]);
  }
  const int64_t writes = api.writes();
  REQUIRE(keeper.Tend().ok());
  REQUIRE(api.writes() == writes);  // nothing differs
}

TEST_CASE("certificates: without a configuration to publish in, that is an error that says so",
          "[operator]") {
  FakeClock clock;
  FakeKubeApi api(clock);
  REQUIRE(CertificateSecret(api, {"ours", "c"}, "hooks").PublishBundle("x").Is(Errc::kNotFound));
  REQUIRE(CertificateSecret(api, {"ours", "c"}, "").PublishBundle("x").ok());
}

}  // namespace pannier::test
