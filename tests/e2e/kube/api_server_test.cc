// Goal: the client does on a real kube-apiserver what the contract says, and the fake does the
// same.
#include "operator/kube/api_server.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "operator/kube/discovery.h"
#include "tests/e2e/kube/cluster.h"
#include "tests/e2e/kube/process.h"
#include "tests/operator/kube/api_suite.h"
#include "tests/support/temp_dir.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;
using test::kWidgets;
using test::SharedCluster;
using test::Widget;

TEST_CASE("api server: the suite that the fake passes as well", "[e2e][kube]") {
  const auto api = SharedCluster().Connect();
  const std::string ns = SharedCluster().NewNamespace();
  SECTION("reads and writes") { test::TestReadsAndWrites(*api, ns); }
  SECTION("preconditions") { test::TestPreconditions(*api, ns); }
  SECTION("finalizers") { test::TestFinalizers(*api, ns); }
  SECTION("apply and status") { test::TestApplyAndStatus(*api, ns); }
  SECTION("pages and selectors") { test::TestPagesAndSelectors(*api, ns); }
  SECTION("watch") { test::TestWatch(*api, ns); }
}

TEST_CASE("api server: a refused object names the field that is wrong", "[e2e][kube]") {
  const auto api = SharedCluster().Connect();
  const std::string ns = SharedCluster().NewNamespace();
  const Result<Json> made = api->Create(kWidgets, Widget(ns, "w", 5'000));
  REQUIRE(made.Is(Errc::kInvalidArgument));
  REQUIRE(made.error().what.find("create widgets " + ns + "/w: ") == 0);
  REQUIRE(made.error().hint.find("field spec.size: ") != std::string::npos);
}

TEST_CASE("api server: fields of another manager are not taken without force", "[e2e][kube]") {
  const auto ours = SharedCluster().Connect();
  ApiServer::Options options;
  options.field_manager = "somebody-else";
  const auto theirs = SharedCluster().Connect(options);
  const std::string ns = SharedCluster().NewNamespace();
  REQUIRE(theirs->Apply(kWidgets, {ns, "w"}, Widget(ns, "w", 1), false).ok());
  REQUIRE(ours->Apply(kWidgets, {ns, "w"}, Widget(ns, "w", 2), false).Is(Errc::kConflict));
  REQUIRE(ours->Apply(kWidgets, {ns, "w"}, Widget(ns, "w", 2), true).value()["spec"]["size"] == 2);
}

TEST_CASE("api server: a name that is none never reaches a whole collection", "[e2e][kube]") {
  const auto api = SharedCluster().Connect();
  const std::string ns = SharedCluster().NewNamespace();
  REQUIRE(api->Create(kWidgets, Widget(ns, "w")).ok());
  for (const std::string name : {"", ".", "..", "w/status", "w?x=y", "w%2f"}) {
    CAPTURE(name);
    REQUIRE(api->Delete(kWidgets, {ns, name}, {}).Is(Errc::kInvalidArgument));
    REQUIRE(api->Get(kWidgets, {ns, name}).Is(Errc::kInvalidArgument));
  }
  REQUIRE(api->Delete(kWidgets, {"", "w"}, {}).Is(Errc::kInvalidArgument));
  REQUIRE(api->Get(kWidgets, {ns, "w"}).ok());
}

TEST_CASE("api server: kinds are discovered, and missing ones are a sentence", "[e2e][kube]") {
  const auto api = SharedCluster().Connect();
  const std::vector<ServedKind> kinds = Discover(*api, "test.pannier.dev").value();
  REQUIRE(kinds.size() == 1);
  REQUIRE(kinds[0].plural == "widgets");
  REQUIRE(kinds[0].namespaced);
  REQUIRE(kinds[0].has_status);
  const Resource served[] = {kWidgets};
  REQUIRE(CheckServed(*api, served).ok());
  const Resource newer[] = {kWidgets, {"test.pannier.dev", "v2", "widgets", "Widget"}};
  const Status missing = CheckServed(*api, newer);
  REQUIRE(missing.Is(Errc::kNotFound));
  REQUIRE(missing.error().what.find("widgets.test.pannier.dev/v2") != std::string::npos);
  REQUIRE(missing.error().what.find("(versions it has: v1)") != std::string::npos);
  REQUIRE(Discover(*api, "nobody.example").Is(Errc::kNotFound));
}

TEST_CASE("api server: who it is, and who we are, is checked", "[e2e][kube]") {
  Access access = SharedCluster().access();
  SECTION("by another authority") {
    access.ca = access.certificate;
    const auto api = SharedCluster().ConnectBy(access);
    const Result<Json> got = api->GetPath("/version");
    REQUIRE(got.Is(Errc::kPermissionDenied));
    REQUIRE(got.error().what.find("not to be trusted") != std::string::npos);
  }
  SECTION("by another name") {
    access.server_name = "another.example";
    REQUIRE(SharedCluster().ConnectBy(access)->GetPath("/version").Is(Errc::kPermissionDenied));
    access.server_name = "kubernetes";  // which its certificate has
    REQUIRE(SharedCluster().ConnectBy(access)->GetPath("/version").ok());
  }
  SECTION("nobody") {
    access.certificate.clear();
    access.key.clear();
    REQUIRE(SharedCluster()
                .ConnectBy(access)
                ->Get(kPods, {"default", "p"})
                .Is(Errc::kPermissionDenied));
  }
}

TEST_CASE("api server: a token file that is renewed is read again", "[e2e][kube]") {
  const std::string ns = SharedCluster().NewNamespace();
  const auto admin = SharedCluster().Connect();
  const Resource accounts{"", "v1", "serviceaccounts", "ServiceAccount"};
  const Json account = {{"apiVersion", "v1"},
                        {"kind", "ServiceAccount"},
                        {"metadata", {{"namespace", ns}, {"name", "op"}}}};
  REQUIRE(admin->Create(accounts, account).ok());
  test::Process kubectl({test::Cluster::Programs() / "kubectl", "--kubeconfig",
                         SharedCluster().kubeconfig(), "create", "token", "op", "-n", ns});
  const std::string token = kubectl.ReadLine(std::chrono::seconds(20)).value_or("");
  REQUIRE(!token.empty());

  test::TempDir dir;
  std::ofstream(dir / "token") << "expired";
  Access access = SharedCluster().access();
  access.certificate.clear();
  access.key.clear();
  access.token_file = dir / "token";
  const auto api = SharedCluster().ConnectBy(access);
  REQUIRE(api->Get(kPods, {ns, "p"}).error().what.find("Unauthorized") != std::string::npos);
  std::ofstream(dir / "token") << token << "\n";
  const Result<Json> got = api->Get(kPods, {ns, "p"});
  // Known now, and allowed nothing: RBAC is on.
  REQUIRE(got.Is(Errc::kPermissionDenied));
  REQUIRE(got.error().what.find("system:serviceaccount:" + ns + ":op") != std::string::npos);
}

}  // namespace
}  // namespace pannier::kube
