// Goal: the API server is answered over TLS once there is a certificate, and not before; what is
// too large or no question is refused. Method: the server on a free port, our own client.
#include "operator/webhook/admission_server.h"

#include <catch2/catch.hpp>

#include "lib/http/client.h"
#include "tests/support/certificates.h"
#include "tests/support/pods.h"

namespace pannier::control {
namespace {

using nlohmann::json;

struct ServerFixture {
  ServerFixture() { REQUIRE(server.Start().ok()); }

  http::TlsMaterial Material() const {
    const auto pair = test::ServerCertificate(authority, "webhook.ns.svc");
    return {pair.certificate_pem, pair.key_pem, ""};
  }
  Result<http::Response> Send(const char* method, const char* path, const std::string& body = "") {
    http::Client::Options options;
    options.tls = {authority.certificate_pem, "", "", "webhook.ns.svc"};
    return http::Client::Make(server.address(), options).value().Send(method, path, body);
  }

  const crypto::KeyedCertificate authority = test::TestAuthority();
  const Admission admission{
      [](const std::string&, const std::string&) { return test::DocsSidecar(); },
      [](const std::string&, const std::string&) { return Status(); }};
  AdmissionServer server{"127.0.0.1:0", admission};
};

std::string PodReview() {
  return json({{"apiVersion", "admission.k8s.io/v1"},
               {"kind", "AdmissionReview"},
               {"request",
                {{"uid", "u"},
                 {"kind", {{"kind", "Pod"}}},
                 {"operation", "CREATE"},
                 {"namespace", "shop"},
                 {"object", test::WorkerPod()}}}})
      .dump();
}

TEST_CASE("admission server: it is ready, and answers, once a certificate is loaded",
          "[operator][webhook]") {
  ServerFixture fixture;
  REQUIRE_FALSE(fixture.server.IsReady());
  REQUIRE(fixture.Send("POST", "/mutate", PodReview()).Is(Errc::kUnavailable));
  REQUIRE(fixture.server.Use({"", "", ""}).Is(Errc::kInvalidArgument));
  REQUIRE_FALSE(fixture.server.IsReady());

  REQUIRE(fixture.server.Use(fixture.Material()).ok());
  REQUIRE(fixture.server.IsReady());
  const auto answer = fixture.Send("POST", "/mutate", PodReview());
  REQUIRE(answer->status == 200);
  REQUIRE(json::parse(answer->body)["response"].contains("patch"));
  REQUIRE(fixture.Send("POST", "/validate", PodReview())->status == 200);
}

TEST_CASE("admission server: other paths, methods and bodies are refused plainly",
          "[operator][webhook]") {
  ServerFixture fixture;
  REQUIRE(fixture.server.Use(fixture.Material()).ok());
  REQUIRE(fixture.Send("GET", "/readyz")->status == 200);
  REQUIRE(fixture.Send("GET", "/mutate")->status == 405);
  REQUIRE(fixture.Send("POST", "/elsewhere", "{}")->status == 404);
  const auto nonsense = fixture.Send("POST", "/mutate", "{}");
  REQUIRE(nonsense->status == 400);
  REQUIRE(nonsense->body.find("AdmissionReview") != std::string::npos);
  REQUIRE(fixture.Send("POST", "/mutate", std::string(9 << 20, ' '))->status == 413);
  REQUIRE(fixture.Send("GET", "/healthz")->status == 200);
}

}  // namespace
}  // namespace pannier::control
